# What the forms of the demo share: numbered steps, and commands that are shown as they run.

step=0
say() {
    step=$((step + 1))
    printf '\n%s. %s\n' "$step" "$1"
    shift
    for line in "$@"; do printf '   %s\n' "$line"; done
}

# Shows a command, without the directories that are nobody's concern.
show() {
    printf '  $ %s\n' "$*" | sed "s#$target/##g"
}

# What a command printed, without what stock tools say on every call.
printed() {
    sed '/^Using slot/d; /^warning: /d; /^ *$/d; s/^/    /' "$work/printed"
}

# Shows a command, runs it, and shows what it prints.
run() {
    show "$@"
    if ! "$@" >"$work/printed" 2>&1; then
        cat "$work/printed" >&2
        exit 1
    fi
    printed
}

# The same, for a command that must be refused.
refused() {
    show "$@"
    if "$@" >"$work/printed" 2>&1; then
        cat "$work/printed" >&2
        echo "This should have been refused." >&2
        exit 1
    fi
    printed
}

build() {
    say "Building the module, the program and a small demo application." \
        "The first time this takes a few minutes: everything is compiled from source."
    cargo build --release --locked --quiet
    CARGO_TARGET_DIR="$PWD/target" cargo build --release --locked --quiet \
        --manifest-path demo/Cargo.toml
}

# Sets up a place of its own, which is removed at the end.
prepare() {
    target=$PWD/target/release
    module=$target/libkeyward_pkcs11.so
    work=$(mktemp -d)
    export PATH="$target:$PATH"
    # Only in a demo are the PINs in a script.
    export KEYWARD_SO_PIN=so-pin-of-the-demo KEYWARD_PIN=user-pin-of-the-demo
    export KEYWARD_PASSPHRASE="passphrase of the operator"
    export KEYWARD_CONFIG="$work/keyward.toml"
}
