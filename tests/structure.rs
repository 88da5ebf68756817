//! The house's rules that a compiler does not check: imports run downward only, `unsafe` stays in its
//! rooms, PKCS#11 names stay out of the lower ones, every file says what it is and stays short.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from top to bottom; `docs/design.md` says what lives in each.
const ROOMS: &[&str] = &[
    "ffi",
    "bin",
    "calls",
    "module",
    "session",
    "token",
    "mechanism",
    "domain",
    "storage",
    "seal",
    "object",
    "crypto",
    "ground",
];

/// The modules that together are the ground, beside `ffi::os`.
const GROUND: &[&str] = &["error", "secret", "config", "warnings"];

/// The only places where `unsafe` may be written.
const UNSAFE_ROOMS: &[&str] = &["src/ffi/", "src/crypto/keywrap/", "src/crypto/awslc/"];

/// The names of the standard's header that are numbers, not C types.
const CONSTANTS: &[&str] = &[
    "CK_TRUE",
    "CK_FALSE",
    "CK_UNAVAILABLE_INFORMATION",
    "CK_EFFECTIVELY_INFINITE",
    "CK_INVALID_HANDLE",
];

/// The rooms that open a store of tokens, or stand on one that does.
const STORING_ROOMS: &[&str] = &["calls", "module", "session", "token", "storage"];

/// The only files of programs that load the module in which the library opens stores too: each part of
/// theirs is a process that does the one or the other.
const PROCESSES_APART: &[&str] = &["tests/abi/library.rs", "tests/members/parts.rs"];

/// The only files of such programs that open databases with a SQLite of the test's own, in a process that
/// does not load the module; whole directories end in a slash.
const OWN_SQLITE: &[&str] = &[
    "tests/members/",
    "tests/support/members.rs",
    "tests/system/tampering.rs",
];

/// The most lines a file may have before its tests, and with them. A file of tests has only tests.
const MOST_LINES: (usize, usize) = (500, 800);

/// One source file: its path from the package's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text without comments and without what stands in string literals.
    fn code(&self) -> String {
        self.text
            .lines()
            .map(without_comment_and_strings)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The modules above this file's items, from the crate's root: `["ffi", "os", "fork"]`.
    fn module_path(&self) -> Vec<&str> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.split('/').filter(|part| *part != "mod").collect()
    }

    fn room(&self) -> usize {
        rank(&self.module_path()).unwrap_or_else(|| panic!("{}: in no room", self.path))
    }
}

/// Everything after `//` and between double quotes removed; good enough for formatted code.
fn without_comment_and_strings(line: &str) -> String {
    let (mut code, mut in_string, mut last) = (String::new(), false, ' ');
    for c in line.chars() {
        match (c, last) {
            ('"', previous) if previous != '\\' && previous != '\'' => in_string = !in_string,
            ('/', '/') if !in_string => {
                code.pop();
                return code;
            }
            _ if !in_string => code.push(c),
            _ => {}
        }
        last = if (c, last) == ('\\', '\\') { ' ' } else { c };
    }
    code
}

/// The position of the room that a module path lies in, counted from the top; `None` for a name
/// that is no room.
fn rank(path: &[&str]) -> Option<usize> {
    let first = *path.first()?;
    let ground = GROUND.contains(&first) || path.starts_with(&["ffi", "os"]);
    let room = if ground { "ground" } else { first };
    ROOMS.iter().position(|name| *name == room)
}

fn sources(directory: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(directory), &mut found);
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push(Source { path, text });
        }
    }
}

/// The module paths, from the crate's root, that `code` at `place` names by `crate::`, by the
/// library's name or by two `super`s and more; `{…}` groups give a path for each entry.
fn named_paths(code: &str, place: &[&str]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for prefix in ["crate::", "keyward_pkcs11::"] {
        for (start, _) in code.match_indices(prefix) {
            if !code[..start].ends_with(is_word) {
                expand(&code[start + prefix.len()..], &[], &mut paths);
            }
        }
    }
    let mut rest = code;
    while let Some(start) = rest.find("super::") {
        let fresh = !rest[..start].ends_with(is_word);
        rest = &rest[start..];
        let mut up = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, up) = (after, up + 1);
        }
        if fresh && up <= place.len() {
            let above: Vec<String> = place[..place.len() - up]
                .iter()
                .map(|part| (*part).to_owned())
                .collect();
            expand(rest, &above, &mut paths);
        }
    }
    paths
}

/// The paths that begin at `text`: one, or one for each entry of a `{…}` group.
fn expand(text: &str, above: &[String], paths: &mut Vec<Vec<String>>) {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let mut depth = 0;
        let end = group.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth < 0
        });
        for entry in top_level_entries(&group[..end.unwrap_or(group.len())]) {
            expand(entry, above, paths);
        }
        return;
    }
    let name: String = text.chars().take_while(|c| is_word(*c)).collect();
    let rest = &text[name.len()..];
    let mut path = above.to_vec();
    path.push(name);
    match rest.strip_prefix("::") {
        Some(deeper) if path.len() < 2 => expand(deeper, &path, paths),
        _ => paths.push(path),
    }
}

fn top_level_entries(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            entries.push(&group[start..at]);
            start = at + 1;
        }
    }
    entries.push(&group[start..]);
    entries
        .into_iter()
        .filter(|entry| !entry.trim().is_empty())
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The words of `code`: what stands between characters that no name has.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// The imports of `source` that point to a room above its own.
fn upward_imports(source: &Source) -> Vec<String> {
    // Inside an inline test module one `super` more is written for the same place.
    let code = source.code();
    let (main, tests) = code.split_once("#[cfg(test)]\nmod ").unwrap_or((&code, ""));
    let place = source.module_path();
    let inner: Vec<&str> = place.iter().copied().chain(["tests"]).collect();
    let mut paths = named_paths(main, &place);
    paths.extend(named_paths(tests, &inner));
    paths
        .into_iter()
        .filter(|path| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            rank(&path).is_some_and(|target| target < source.room())
        })
        .map(|path| format!("{} imports {}", source.path, path.join("::")))
        .collect()
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_run_downward() {
    let all = sources("src");
    assert!(all.len() > 20, "the sources were not found");
    let rooms = all.iter().filter(|source| source.path != "src/lib.rs");
    assert_none(rooms.flat_map(upward_imports).collect());
}

#[test]
fn planted_upward_imports_are_found() {
    let planted = |path: &str, text: &str| {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        upward_imports(&source).len()
    };
    assert_eq!(
        planted("src/crypto/aes.rs", "use crate::object::Object;"),
        1
    );
    assert_eq!(
        planted(
            "src/object/mod.rs",
            "use crate::{error::Error, token::Token};"
        ),
        1
    );
    assert_eq!(
        planted("src/object/flags.rs", "use super::super::session;"),
        1
    );
    assert_eq!(
        planted("src/seal/mod.rs", "fn f() { crate::ffi::guard() }"),
        1
    );
    assert_eq!(
        planted("src/bin/keyward/main.rs", "use keyward_pkcs11::ffi::lists;"),
        1
    );
    assert_eq!(
        planted(
            "src/domain/a.rs",
            "use crate::{\n  storage,\n  calls::{a, b},\n};"
        ),
        2
    );
    assert_eq!(planted("src/error.rs", "use crate::crypto;"), 1);
    assert_eq!(planted("src/ffi/os/fork.rs", "use crate::ffi::guard;"), 1);
    let nested = "#[cfg(test)]\nmod tests { use super::super::super::token; }";
    assert_eq!(planted("src/object/flags.rs", nested), 1);
}

#[test]
fn downward_and_level_imports_are_allowed() {
    let allowed = |path: &str, text: &str| {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        assert_none(upward_imports(&source));
    };
    allowed(
        "src/calls/keys.rs",
        "use crate::{error::Error, ffi::os::fork, token::Token};",
    );
    allowed("src/storage/mod.rs", "use crate::ffi::os::shared;");
    allowed(
        "src/object/flags.rs",
        "use super::attribute; // not crate::token",
    );
    allowed("src/object/flags.rs", "let text = \"crate::token\";");
    allowed(
        "src/bin/keyward/token.rs",
        "use keyward_pkcs11::token::Token;",
    );
}

#[test]
fn every_room_exists_and_is_named_in_the_root() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|name| name.trim_end_matches(';'))
        .collect();
    for name in &declared {
        assert!(
            rank(&[name]).is_some(),
            "src/lib.rs declares {name}, which is no room"
        );
    }
    let rooms = ROOMS
        .iter()
        .filter(|room| !["bin", "ground"].contains(room));
    for room in rooms.chain(GROUND) {
        assert!(declared.contains(room), "room {room} is not in src/lib.rs");
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    let all = sources("src");
    let outside = all.iter().filter(|source| {
        !UNSAFE_ROOMS
            .iter()
            .any(|room| source.path.starts_with(room))
            && words(&source.code()).any(|word| word == "unsafe")
    });
    assert_none(
        outside
            .map(|source| format!("{} has unsafe code", source.path))
            .collect(),
    );
    // The other rooms say so themselves, where the compiler reads it.
    for room in ROOMS
        .iter()
        .filter(|room| !["ffi", "bin", "crypto", "ground"].contains(room))
    {
        let files = [format!("src/{room}.rs"), format!("src/{room}/mod.rs")];
        let head = all
            .iter()
            .find(|source| files.contains(&source.path))
            .unwrap();
        // A room without code yet has nothing to forbid.
        let empty = head.text.lines().count() < 2;
        assert!(
            empty || head.text.contains("#![forbid(unsafe_code)]"),
            "{} does not forbid unsafe code",
            head.path
        );
    }
}

#[test]
fn pkcs11_names_stay_in_the_upper_rooms() {
    let object = rank(&["object"]).unwrap();
    let mut complaints = Vec::new();
    for source in sources("src")
        .iter()
        .filter(|source| source.path != "src/lib.rs")
    {
        let code = source.code();
        if source.room() > object && words(&code).any(|word| word == "cryptoki_sys") {
            complaints.push(format!("{} knows PKCS#11", source.path));
        }
        let c_types = words(&code).filter(|word| {
            word.starts_with("CK_") && !CONSTANTS.contains(word) && source.room() != 0
        });
        complaints.extend(c_types.map(|word| format!("{} uses the C type {word}", source.path)));
    }
    assert_none(complaints);
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut complaints = Vec::new();
    for source in ["src", "tests", "examples", "benches"]
        .into_iter()
        .flat_map(existing)
    {
        if !source.text.starts_with("//! ") {
            complaints.push(format!("{} does not begin with //!", source.path));
        }
        let main = source
            .text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default();
        let only_tests = source.path.starts_with("tests/") || source.path.ends_with("/tests.rs");
        let all = source.text.lines().count();
        let own = if only_tests { 0 } else { main.lines().count() };
        if own > MOST_LINES.0 || all > MOST_LINES.1 {
            complaints.push(format!("{} has {own} lines, {all} with tests", source.path));
        }
    }
    assert_none(complaints);
}

/// What `source`, of a program that loads the module, names of the library's rooms that open stores.
fn stores_beside_the_module(source: &Source) -> Vec<String> {
    let code = source.code();
    let mut named = Vec::new();
    if !PROCESSES_APART.contains(&source.path.as_str()) {
        let paths = named_paths(&code, &[]).into_iter();
        let storing = paths.filter(|path| STORING_ROOMS.contains(&path[0].as_str()));
        named.extend(storing.map(|path| path.join("::")));
    }
    let may = OWN_SQLITE
        .iter()
        .any(|place| source.path.starts_with(place));
    if !may && words(&code).any(|word| word == "rusqlite") {
        named.push("rusqlite".to_owned());
    }
    let complaint = |name| format!("{} names {name}", source.path);
    named.into_iter().map(complaint).collect()
}

/// The module and the library each have a SQLite of their own. Two in one process take each other's file
/// locks away, and the index that they share is cut under the one that has it mapped.
#[test]
fn no_test_opens_a_store_where_the_module_is_loaded() {
    let all = sources("tests");
    let loads = |source: &&Source| source.text.contains("support/mod.rs\"]\nmod support;");
    let programs: Vec<&str> = all
        .iter()
        .filter(loads)
        .map(|source| source.path.trim_end_matches(".rs").trim_end_matches("main"))
        .collect();
    assert!(programs.contains(&"tests/abi/"), "{programs:?}");
    let shared = ["tests/support/"].into_iter();
    let places: Vec<&str> = programs.into_iter().chain(shared).collect();
    let theirs = all
        .iter()
        .filter(|source| places.iter().any(|place| source.path.starts_with(place)));
    assert_none(theirs.flat_map(stores_beside_the_module).collect());
    let planted = Source {
        path: "tests/abi/planted.rs".to_owned(),
        text: "use keyward_pkcs11::{domain::ids, token::Token}; use rusqlite::Connection;"
            .to_owned(),
    };
    assert_eq!(stores_beside_the_module(&planted).len(), 2);
}

fn existing(directory: &str) -> Vec<Source> {
    if root().join(directory).exists() {
        sources(directory)
    } else {
        Vec::new()
    }
}
