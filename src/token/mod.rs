//! One security module: its identity, PINs, objects and installed domain, over sealed storage.
