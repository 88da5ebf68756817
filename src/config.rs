//! Settings: `keyward.toml` (named by `KEYWARD_CONFIG`) and `KEYWARD_HOME`.
