//! The module under test: loaded once in a process, with the raw function lists of every version.

use super::home::Home;
use cryptoki_sys::*;
use libloading::Library;
use std::path::PathBuf;
use std::ptr;
use std::sync::OnceLock;

/// The function lists of the loaded module.
pub struct Module {
    pub path: PathBuf,
    pub library: &'static Library,
    pub v2: &'static CK_FUNCTION_LIST,
    pub v30: Option<&'static CK_FUNCTION_LIST_3_0>,
    pub v32: Option<&'static CK_FUNCTION_LIST_3_2>,
}

/// Calls a function of the 2.40 list and gives its `CK_RV`.
#[macro_export]
macro_rules! call {
    ($function:ident ( $($argument:expr),* $(,)? )) => {
        match $crate::support::loaded().v2.$function {
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
            // SAFETY: the function comes from the module's own list. What the arguments point to is
            // valid, or is what the test wants the module to survive.
            Some(function) => unsafe { function($($argument),*) },
        }
    };
}

/// Calls a function of the 3.0 list and gives its `CK_RV`.
#[macro_export]
macro_rules! call30 {
    ($function:ident ( $($argument:expr),* $(,)? )) => {
        match $crate::support::loaded().v30.and_then(|list| list.$function) {
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
            // SAFETY: as in `call!`.
            Some(function) => unsafe { function($($argument),*) },
        }
    };
}

/// Calls a function of the 3.2 list and gives its `CK_RV`.
#[macro_export]
macro_rules! call32 {
    ($function:ident ( $($argument:expr),* $(,)? )) => {
        match $crate::support::loaded().v32.and_then(|list| list.$function) {
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
            // SAFETY: as in `call!`.
            Some(function) => unsafe { function($($argument),*) },
        }
    };
}

/// Where the module is: `KEYWARD_TEST_MODULE`, or the library cargo built beside this test.
pub fn module_path() -> PathBuf {
    if let Some(path) = std::env::var_os("KEYWARD_TEST_MODULE") {
        return path.into();
    }
    let name = format!(
        "{}keyward_pkcs11{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let test = std::env::current_exe().expect("the path of this test");
    test.with_file_name(name)
}

/// The module, loaded but not initialised: for tests that have a process of their own.
pub fn loaded() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        Home::provide();
        load(module_path())
    })
}

/// The module, initialised once for every test that shares this process.
pub fn module() -> &'static Module {
    static STARTED: OnceLock<()> = OnceLock::new();
    let module = loaded();
    STARTED.get_or_init(|| {
        let rv = initialize();
        assert_eq!(rv, CKR_OK, "C_Initialize: {}", super::rv_name(rv));
    });
    module
}

/// `C_Initialize` as a threaded host calls it.
pub fn initialize() -> CK_RV {
    let mut arguments = CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags: CKF_OS_LOCKING_OK,
        pReserved: ptr::null_mut(),
    };
    call!(C_Initialize((&raw mut arguments).cast()))
}

/// `C_Finalize`.
pub fn finalize() -> CK_RV {
    call!(C_Finalize(ptr::null_mut()))
}

/// Whether the module under test is Keyward, and not a peer that serves as an oracle.
pub fn is_keyward() -> bool {
    loaded().path.to_string_lossy().contains("keyward")
        || std::env::var_os("KEYWARD_TEST_IS_KEYWARD").is_some()
}

type GetFunctionList = unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_RV;
type GetInterface = unsafe extern "C" fn(
    *mut CK_UTF8CHAR,
    *mut CK_VERSION,
    *mut *mut CK_INTERFACE,
    CK_FLAGS,
) -> CK_RV;

fn load(path: PathBuf) -> Module {
    // SAFETY: loading runs the module's initialisers, which is what every host does. The library is
    // never unloaded, so that its lists stay valid.
    let library: &'static Library = Box::leak(Box::new(
        unsafe { Library::new(&path) }.unwrap_or_else(|e| panic!("{}: {e}", path.display())),
    ));
    // SAFETY: the standard gives this symbol this type.
    let list = unsafe {
        let get = library
            .get::<GetFunctionList>(b"C_GetFunctionList\0")
            .expect("C_GetFunctionList");
        let mut list = ptr::null_mut();
        assert_eq!(get(&raw mut list), CKR_OK);
        list.as_ref().expect("a function list")
    };
    let v30 = interface(library, 3, 0);
    let v32 = interface(library, 3, 2);
    Module {
        library,
        v2: list,
        // SAFETY: an interface named "PKCS 11" of version 3.0 has this list, as the standard says.
        v30: v30.map(|list| unsafe { &*list.cast() }),
        // SAFETY: likewise for 3.2.
        v32: v32.map(|list| unsafe { &*list.cast() }),
        path,
    }
}

fn interface(library: &'static Library, major: u8, minor: u8) -> Option<*mut std::ffi::c_void> {
    interface_named("PKCS 11", library, CK_VERSION { major, minor })
}

/// The list of functions of the vendor's interface of version 1.`minor`; `None` in another module.
///
/// # Safety
/// `List` has the form that `include/keyward.h` gives that version.
pub unsafe fn vendor_list<List: Copy>(minor: u8) -> Option<List> {
    let version = CK_VERSION { major: 1, minor };
    let list = interface_named("Vendor Keyward", loaded().library, version)?;
    // SAFETY: the caller says so; the list is static data of the module.
    Some(unsafe { list.cast::<List>().read() })
}

fn interface_named(
    name: &str,
    library: &'static Library,
    mut version: CK_VERSION,
) -> Option<*mut std::ffi::c_void> {
    let mut name = [name.as_bytes(), b"\0"].concat();
    // SAFETY: the standard gives this symbol this type; the answer is static data of the module.
    unsafe {
        let get = library.get::<GetInterface>(b"C_GetInterface\0").ok()?;
        let mut found = ptr::null_mut();
        let rv = get(name.as_mut_ptr(), &raw mut version, &raw mut found, 0);
        (rv == CKR_OK && !found.is_null()).then(|| (*found).pFunctionList)
    }
}
