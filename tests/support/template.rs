//! Attribute templates that own their values.

use cryptoki_sys::*;

/// An attribute template, built by chaining.
#[derive(Default, Clone)]
pub struct Template {
    values: Vec<(CK_ATTRIBUTE_TYPE, Value)>,
}

#[derive(Clone)]
enum Value {
    Bytes(Box<[u8]>),
    Nested(Box<Template>),
}

/// A template in C form; it points into its own boxes.
pub struct Raw {
    pub attributes: Vec<CK_ATTRIBUTE>,
    _bytes: Vec<Box<[u8]>>,
    _nested: Vec<Raw>,
}

impl Raw {
    pub fn ptr(&mut self) -> *mut CK_ATTRIBUTE {
        self.attributes.as_mut_ptr()
    }

    pub fn len(&self) -> CK_ULONG {
        self.attributes.len() as CK_ULONG
    }
}

impl Template {
    pub fn new() -> Template {
        Template::default()
    }

    /// A template that begins with a class.
    pub fn class(class: CK_OBJECT_CLASS) -> Template {
        Template::new().ulong(CKA_CLASS, class)
    }

    /// A secret key's template.
    pub fn secret(key_type: CK_KEY_TYPE) -> Template {
        Template::class(CKO_SECRET_KEY).ulong(CKA_KEY_TYPE, key_type)
    }

    /// An AES key's value and usages, to import: open, so that tests can read what comes of it.
    pub fn aes(value: &[u8]) -> Template {
        Template::secret(CKK_AES)
            .bytes(CKA_VALUE, value)
            .no(&[CKA_SENSITIVE])
            .yes(&[CKA_EXTRACTABLE])
    }

    /// A data object.
    pub fn data(label: &str, value: &[u8]) -> Template {
        Template::class(CKO_DATA)
            .text(CKA_LABEL, label)
            .bytes(CKA_VALUE, value)
    }

    pub fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Template {
        self.values.retain(|(k, _)| *k != kind);
        self.values.push((kind, Value::Bytes(value.into())));
        self
    }

    /// Like `bytes`, but an attribute given before stays: for templates that contradict themselves.
    pub fn again(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Template {
        self.values.push((kind, Value::Bytes(value.into())));
        self
    }

    pub fn text(self, kind: CK_ATTRIBUTE_TYPE, value: &str) -> Template {
        self.bytes(kind, value.as_bytes())
    }

    pub fn ulong(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Template {
        self.bytes(kind, &value.to_ne_bytes())
    }

    pub fn ulongs(self, kind: CK_ATTRIBUTE_TYPE, values: &[CK_ULONG]) -> Template {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
        self.bytes(kind, &bytes)
    }

    pub fn yes(self, kinds: &[CK_ATTRIBUTE_TYPE]) -> Template {
        kinds
            .iter()
            .fold(self, |t, kind| t.bytes(*kind, &[CK_TRUE]))
    }

    pub fn no(self, kinds: &[CK_ATTRIBUTE_TYPE]) -> Template {
        kinds
            .iter()
            .fold(self, |t, kind| t.bytes(*kind, &[CK_FALSE]))
    }

    pub fn nested(mut self, kind: CK_ATTRIBUTE_TYPE, template: Template) -> Template {
        self.values.push((kind, Value::Nested(Box::new(template))));
        self
    }

    pub fn without(mut self, kind: CK_ATTRIBUTE_TYPE) -> Template {
        self.values.retain(|(k, _)| *k != kind);
        self
    }

    /// An object of the token, not of the session.
    pub fn token(self) -> Template {
        self.yes(&[CKA_TOKEN])
    }

    pub fn label(self, label: &str) -> Template {
        self.text(CKA_LABEL, label)
    }

    /// Everything the template says, as bytes: equal where templates are.
    pub fn bytes_of(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (kind, value) in &self.values {
            let bytes = match value {
                Value::Bytes(bytes) => bytes.to_vec(),
                Value::Nested(template) => template.bytes_of(),
            };
            all.extend(kind.to_ne_bytes());
            all.extend((bytes.len() as CK_ULONG).to_ne_bytes());
            all.extend(bytes);
        }
        all
    }

    /// In C form. The values stay where they are as long as the answer lives.
    pub fn raw(&self) -> Raw {
        let (mut attributes, mut bytes, mut nested) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, value) in &self.values {
            let (pointer, length) = match value {
                Value::Bytes(value) => {
                    let mut value = value.clone();
                    let place = (value.as_mut_ptr().cast(), value.len());
                    bytes.push(value);
                    place
                }
                Value::Nested(template) => {
                    let mut raw = template.raw();
                    let place = (raw.ptr().cast(), size_of_val(raw.attributes.as_slice()));
                    nested.push(raw);
                    place
                }
            };
            attributes.push(CK_ATTRIBUTE {
                type_: *kind,
                pValue: pointer,
                ulValueLen: length as CK_ULONG,
            });
        }
        Raw {
            attributes,
            _bytes: bytes,
            _nested: nested,
        }
    }
}

/// The number an attribute's bytes hold.
pub fn ulong_of(bytes: &[u8]) -> CK_ULONG {
    CK_ULONG::from_ne_bytes(bytes.try_into().expect("the size of a CK_ULONG"))
}
