//! A service that keeps its customers' keys on its own disk, each wrapped under a domain key. It loads
//! the module as any application does and knows nothing else of Keyward than two of its numbers.
//!
//! keyward-demo MODULE TOKEN-LABEL make DIRECTORY COUNT     makes keys, uses them, wraps them to files
//! keyward-demo MODULE TOKEN-LABEL use DIRECTORY OPEN SHUT  unwraps each, decrypts what it encrypted
//! keyward-demo MODULE TOKEN-LABEL fill - FIRST COUNT       makes keys that stay in the token
//! keyward-demo MODULE TOKEN-LABEL load STOPFILE COUNT      uses them until the file is there
//! keyward-demo MODULE TOKEN-LABEL dead marked|destroyed FIRST COUNT   expects that they stand so
//!
//! The user PIN is in KEYWARD_PIN.

mod load;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::vendor_defined::VendorDefinedMechanism;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `CKM_KEYWARD_KEY_TOKEN` of include/keyward.h.
const KEY_TOKEN: u64 = 0x804B_5701;
/// `CKA_KEYWARD_DOMAIN_KEY_STATE`, and its value for the active key.
const DOMAIN_KEY_STATE: u64 = 0x804B_5702;
const ACTIVE: u64 = 1;
/// The length of a nonce of AES-GCM, in bytes.
const NONCE: usize = 12;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A logged-in session, and the domain key to wrap under.
struct Service {
    session: Session,
    domain_key: ObjectHandle,
}

impl Service {
    fn open(module: &str, label: &str) -> Outcome<Self> {
        let module = Pkcs11::new(module)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        let slots = module.get_slots_with_token()?;
        let ours = |slot: &_| {
            module
                .get_token_info(*slot)
                .is_ok_and(|info| info.label() == label)
        };
        let slot = slots
            .into_iter()
            .find(ours)
            .ok_or("there is no such token")?;
        let session = module.open_rw_session(slot)?;
        let pin = AuthPin::new(std::env::var("KEYWARD_PIN")?.into());
        session.login(UserType::User, Some(&pin))?;
        let active = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::VendorDefined((
                AttributeType::VendorDefined(DOMAIN_KEY_STATE),
                ACTIVE.to_ne_bytes().to_vec(),
            )),
        ];
        let found = session.find_objects(&active)?.into_iter().next();
        let domain_key = found.ok_or("the token shows no active domain key")?;
        Ok(Service {
            session,
            domain_key,
        })
    }

    /// A new key for one customer. It can never leave the module but as a key token.
    fn customer_key(&self) -> Outcome<ObjectHandle> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Token(false),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        Ok(self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?)
    }

    /// A customer key that stays in the token, under this label.
    fn stored_key(&self, label: &str) -> Outcome<ObjectHandle> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        Ok(self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?)
    }

    fn wrap(&self, key: ObjectHandle) -> Outcome<Vec<u8>> {
        Ok(self.session.wrap_key(&key_token()?, self.domain_key, key)?)
    }

    fn unwrap(&self, token: &[u8]) -> Outcome<ObjectHandle> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
        ];
        Ok(self
            .session
            .unwrap_key(&key_token()?, self.domain_key, token, &template)?)
    }

    fn encrypt(&self, key: ObjectHandle, text: &[u8]) -> Outcome<Vec<u8>> {
        let mut nonce = self.session.generate_random_vec(NONCE as u32)?;
        let mut sealed = nonce.clone();
        let gcm = Mechanism::AesGcm(GcmParams::new(&mut nonce, &[], 128.into())?);
        sealed.extend(self.session.encrypt(&gcm, key, text)?);
        Ok(sealed)
    }

    fn decrypt(&self, key: ObjectHandle, sealed: &[u8]) -> Outcome<Vec<u8>> {
        let (nonce, sealed) = sealed
            .split_at_checked(NONCE)
            .ok_or("the record is too short")?;
        let mut nonce = nonce.to_vec();
        let gcm = Mechanism::AesGcm(GcmParams::new(&mut nonce, &[], 128.into())?);
        Ok(self.session.decrypt(&gcm, key, sealed)?)
    }
}

fn key_token() -> Outcome<Mechanism<'static>> {
    let kind = MechanismType::new_vendor_defined(KEY_TOKEN)?;
    Ok(Mechanism::VendorDefined(VendorDefinedMechanism::new::<()>(
        kind, None,
    )))
}

/// What a customer's record says.
fn record(customer: &str) -> Vec<u8> {
    format!("the record of customer {customer}").into_bytes()
}

/// The key tokens in a directory, in order.
fn tokens(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let mut tokens: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    tokens.retain(|path| path.extension().is_some_and(|kind| kind == "token"));
    tokens.sort();
    Ok(tokens)
}

fn make(service: &Service, directory: &Path, count: usize) -> Outcome<()> {
    fs::create_dir_all(directory)?;
    let (start, mut bytes) = (Instant::now(), 0);
    for number in 1..=count {
        let customer = format!("{number:04}");
        let key = service.customer_key()?;
        let sealed = service.encrypt(key, &record(&customer))?;
        let token = service.wrap(key)?;
        service.session.destroy_object(key)?;
        bytes += token.len();
        fs::write(directory.join(&customer).with_extension("token"), &token)?;
        fs::write(directory.join(&customer).with_extension("data"), sealed)?;
    }
    let time = start.elapsed().as_secs_f64();
    println!(
        "  {count} keys made, used to encrypt a record each, wrapped and forgotten in {time:.2} s"
    );
    println!(
        "  on disk: {count} key tokens of {} bytes, and the records",
        bytes / count.max(1)
    );
    Ok(())
}

/// Opens every key token and decrypts its record; as many must open, and not open, as expected.
fn use_all(service: &Service, directory: &Path, open: usize, shut: usize) -> Outcome<()> {
    let (start, mut opened, mut refused, mut why) = (Instant::now(), 0, 0, None);
    for path in tokens(directory)? {
        let customer = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match service.unwrap(&fs::read(&path)?) {
            Err(cause) => {
                refused += 1;
                why.get_or_insert(cause);
            }
            Ok(key) => {
                let text = service.decrypt(key, &fs::read(path.with_extension("data"))?)?;
                service.session.destroy_object(key)?;
                if text != record(&customer) {
                    return Err(format!("the record of customer {customer} came back wrong").into());
                }
                opened += 1;
            }
        }
    }
    let time = start.elapsed().as_secs_f64();
    println!(
        "  {opened} key tokens opened and their records decrypted, {refused} refused, in {time:.2} s"
    );
    if let Some(why) = why {
        println!("  the module's answer to those refused: {why:?}");
    }
    if (opened, refused) == (open, shut) {
        return Ok(());
    }
    Err(format!("{open} should have opened and {shut} been refused").into())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [module, label, command, directory, rest @ ..] = words.as_slice() else {
        return Err(
            "usage: keyward-demo MODULE TOKEN-LABEL make|use|fill|load|dead PLACE ARGUMENT..."
                .into(),
        );
    };
    let service = Service::open(module, label)?;
    let directory = Path::new(directory);
    match (*command, rest) {
        ("make", [count]) => make(&service, directory, count.parse()?),
        ("use", [open, shut]) => use_all(&service, directory, open.parse()?, shut.parse()?),
        ("fill", [first, count]) => load::fill(&service, first.parse()?, count.parse()?),
        ("load", [count]) => load::load(&service, directory, count.parse()?),
        ("dead", [first, count]) => load::dead(
            &service,
            directory.to_str().unwrap_or_default(),
            first.parse()?,
            count.parse()?,
        ),
        _ => Err("this command, or its numbers, are not known".into()),
    }
}
