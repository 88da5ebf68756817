//! Templates of every wrong kind, and what callers get back.

use super::*;
use cryptoki_sys::*;
use std::borrow::Cow;
use std::ptr;

fn attribute<T: ?Sized>(kind: u64, value: &T) -> CK_ATTRIBUTE {
    let pointer: *const T = value;
    CK_ATTRIBUTE {
        type_: kind,
        pValue: pointer.cast::<u8>().cast_mut().cast(),
        ulValueLen: size_of_val(value) as CK_ULONG,
    }
}

/// A place for an answer of up to `room` bytes.
fn place(kind: u64, room: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: room.as_mut_ptr().cast(),
        ulValueLen: room.len() as u64,
    }
}

fn given(attributes: &mut [CK_ATTRIBUTE]) -> Given {
    // SAFETY: the tests' attributes point to what they say, or are refused before they are read.
    unsafe { Given::new(attributes.as_mut_ptr(), attributes.len() as u64) }.unwrap()
}

fn read(attributes: &mut [CK_ATTRIBUTE]) -> Result<Template> {
    given(attributes).read()
}

#[test]
fn each_form_is_read() {
    let label = *b"key";
    let allowed = [CKM_AES_GCM, CKM_AES_CBC];
    let inner = [attribute(CKA_EXTRACTABLE, &0_u8)];
    let template = read(&mut [
        attribute(CKA_CLASS, &CKO_SECRET_KEY),
        attribute(CKA_TOKEN, &1_u8),
        attribute(CKA_LABEL, &label),
        attribute(CKA_VALUE, &[7_u8; 16]),
        attribute(CKA_ALLOWED_MECHANISMS, &allowed),
        attribute(CKA_UNWRAP_TEMPLATE, &inner),
        CK_ATTRIBUTE {
            type_: CKA_START_DATE,
            pValue: ptr::null_mut(),
            ulValueLen: 0,
        },
    ])
    .unwrap();
    assert_eq!(template.ulong(CKA_CLASS), Some(CKO_SECRET_KEY));
    assert_eq!(template.bool(CKA_TOKEN), Some(true));
    assert_eq!(template.bytes(CKA_LABEL), Some(&b"key"[..]));
    assert_eq!(
        template.get(CKA_VALUE),
        Some(&Value::secret(SecretBytes::copy_of(&[7; 16])))
    );
    assert_eq!(
        template.get(CKA_ALLOWED_MECHANISMS),
        Some(&Value::Ulongs(allowed.to_vec()))
    );
    let nested = Template(vec![(CKA_EXTRACTABLE, Value::Bool(false))]);
    assert_eq!(
        template.get(CKA_UNWRAP_TEMPLATE),
        Some(&Value::Template(nested))
    );
    assert_eq!(template.bytes(CKA_START_DATE), Some(&[][..]));
}

#[test]
fn wrong_values_are_refused() {
    let wrong = [
        attribute(CKA_TOKEN, &1_u32),
        attribute(CKA_TOKEN, &2_u8),
        attribute(CKA_CLASS, &3_u32),
        attribute(CKA_START_DATE, b"2026010"),
        attribute(CKA_ALLOWED_MECHANISMS, &[0_u8; 9]),
        attribute(CKA_WRAP_TEMPLATE, &[0_u8; 25]),
        CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: ptr::null_mut(),
            ulValueLen: 1,
        },
        CK_ATTRIBUTE {
            ulValueLen: 1 << 63,
            ..attribute(CKA_LABEL, b"x")
        },
        CK_ATTRIBUTE {
            ulValueLen: u64::MAX,
            ..attribute(CKA_VALUE, b"x")
        },
        CK_ATTRIBUTE {
            ulValueLen: (64 << 20) + 1,
            ..attribute(CKA_VALUE, b"x")
        },
    ];
    for one in wrong {
        assert_eq!(
            read(&mut [one]),
            Err(Error::AttributeValueInvalid(one.type_)),
            "{one:?}"
        );
    }
    let unknown = attribute(0x8000_1234, b"x");
    assert_eq!(
        read(&mut [unknown]),
        Err(Error::AttributeTypeInvalid(0x8000_1234))
    );
    let twice = attribute(CKA_LABEL, b"x");
    assert_eq!(
        read(&mut [twice, twice]),
        Err(Error::TemplateInconsistent(CKA_LABEL))
    );
}

#[test]
fn counts_are_refused_before_anything_is_read() {
    for count in [1025, 1 << 32, 1 << 63, u64::MAX] {
        // SAFETY: such counts are refused before the array is looked at.
        let refused = unsafe { Given::new(ptr::dangling_mut(), count) };
        assert!(matches!(refused, Err(Error::BadArguments(_))), "{count}");
    }
    // SAFETY: NULL is checked.
    unsafe {
        assert!(Given::new(ptr::null_mut(), 1).is_err());
        assert_eq!(
            Given::new(ptr::null_mut(), 0).unwrap().read(),
            Ok(Template::default())
        );
    }
}

#[test]
fn a_template_that_holds_itself_is_refused() {
    let mut own = [attribute(CKA_WRAP_TEMPLATE, &0_u8); 2];
    own[1].type_ = CKA_UNWRAP_TEMPLATE;
    let start: *mut CK_ATTRIBUTE = own.as_mut_ptr();
    for element in &mut own {
        element.pValue = start.cast();
        element.ulValueLen = 48;
    }
    assert!(matches!(
        read(&mut own),
        Err(Error::AttributeValueInvalid(_))
    ));
}

#[test]
fn misaligned_templates_are_read_and_answered() {
    let mut memory = [0_u8; 64];
    let mut value = [0_u8; 17];
    // SAFETY: the attribute and its value lie within the two arrays.
    unsafe {
        let odd = memory.as_mut_ptr().add(1).cast::<CK_ATTRIBUTE>();
        odd.write_unaligned(place(CKA_CLASS, &mut value[1..9]));
        let template = Given::new(odd, 1).unwrap();
        assert_eq!(template.read().unwrap().ulong(CKA_CLASS), Some(0));
        assert_eq!(template.answer(|_| Ok(Cow::Owned(Value::Ulong(5)))), Ok(()));
        assert_eq!(odd.read_unaligned().ulValueLen, 8);
    }
    assert_eq!(value[1..9], 5_u64.to_ne_bytes());
}

#[test]
fn answers_are_mixed_and_ranked() {
    let mut label = [0_u8; 8];
    let mut short = [9_u8; 2];
    let mut template = [
        place(CKA_VALUE, &mut []),
        place(0x8000_1234, &mut []),
        place(CKA_ID, &mut short),
        place(CKA_LABEL, &mut label),
        CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: ptr::null_mut(),
            ulValueLen: 77,
        },
    ];
    let answer = given(&mut template).answer(|kind| match kind {
        CKA_VALUE => Err(Error::AttributeSensitive(kind)),
        CKA_ID => Ok(Cow::Owned(Value::Bytes(vec![1, 2, 3]))),
        CKA_LABEL => Ok(Cow::Owned(Value::Bytes(b"label".to_vec()))),
        _ => Err(Error::AttributeTypeInvalid(kind)),
    });
    assert_eq!(answer, Err(Error::AttributeSensitive(CKA_VALUE)));
    let none = CK_UNAVAILABLE_INFORMATION;
    assert_eq!(template.map(|one| one.ulValueLen), [none, none, none, 5, 5]);
    assert_eq!((&label, short), (b"label\0\0\0", [9; 2]));
    let answer = given(&mut template[2..3]).answer(|_| Ok(Cow::Owned(Value::Bytes(vec![1, 2, 3]))));
    assert_eq!(
        answer,
        Err(Error::BufferTooSmall(0)),
        "the length of an earlier answer is no room"
    );
}

#[test]
fn nested_templates_are_answered() {
    let stored = Template(vec![
        (CKA_EXTRACTABLE, Value::Bool(false)),
        (CKA_LABEL, Value::Bytes(b"ab".to_vec())),
    ]);
    let value = |_| Ok(Cow::Owned(Value::Template(stored.clone())));
    let mut query = [CK_ATTRIBUTE {
        type_: CKA_WRAP_TEMPLATE,
        pValue: ptr::null_mut(),
        ulValueLen: 0,
    }];
    assert_eq!(given(&mut query).answer(value), Ok(()));
    assert_eq!(query[0].ulValueLen, 48);

    let mut flag = [9_u8; 1];
    let mut inner = [place(0, &mut flag), CK_ATTRIBUTE::default()];
    query[0].pValue = inner.as_mut_ptr().cast();
    assert_eq!(given(&mut query).answer(value), Ok(()));
    assert_eq!(
        inner.map(|one| (one.type_, one.ulValueLen)),
        [(CKA_EXTRACTABLE, 1), (CKA_LABEL, 2)]
    );
    assert_eq!(flag, [0]);

    query[0].ulValueLen = 47;
    assert_eq!(
        given(&mut query).answer(value),
        Err(Error::BufferTooSmall(0))
    );
    assert_eq!(query[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
}
