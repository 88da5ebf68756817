//! How the shared library is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if target == "linux" {
        // A host may unload the library while a thread of it still runs or has destructors of
        // thread-local values to run: the code stays mapped.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // The function lists hold our own functions, even in a host that has loaded another PKCS#11
        // module for all to see.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
    }
}
