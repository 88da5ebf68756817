//! A token of SoftHSM2 is taken over: made by SoftHSM2 itself, imported, and both sign and decrypt alike.
//! The form of one database is not built into the usual packages: it is written here, from the files.

use rusqlite::{Connection, params};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234567";
const SO_PIN: &str = "87654321";

/// The module that was built with this test.
fn module() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.with_file_name("libkeyward_pkcs11.so")
}

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("keyward.toml"), super::SETTINGS).unwrap();
        fs::create_dir(path.join("soft")).unwrap();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            path.join("soft").display()
        );
        fs::write(path.join("softhsm2.conf"), settings).unwrap();
        fs::write(path.join("message"), b"a message to sign").unwrap();
        fs::write(path.join("block"), [7; 32]).unwrap();
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/files");
        for name in ["ec.pem", "web.crt"] {
            fs::copy(files.join(name), path.join(name)).unwrap();
        }
        World(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, program: &Path, words: &[&str], variables: &[(&str, &str)]) -> Output {
        Command::new(program)
            .args(words)
            .current_dir(self.0.path())
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env("KEYWARD_CONFIG", self.path("keyward.toml"))
            .env("KEYWARD_PIN", PIN)
            .env("KEYWARD_SO_PIN", SO_PIN)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    fn must(&self, program: &Path, words: &[&str], home: &str) -> String {
        let output = self.run(program, words, &[("KEYWARD_HOME", home)]);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// `pkcs11-tool` on SoftHSM's token, or on the one that was made of it.
    fn tool(&self, module: &Path, home: &str, words: &[&str]) {
        let module = module.to_str().unwrap();
        let login = [
            "--module",
            module,
            "--token-label",
            "old",
            "--login",
            "--pin",
            PIN,
        ];
        self.must(Path::new("pkcs11-tool"), &[&login, words].concat(), home);
    }

    fn soft(&self, words: &[&str]) {
        self.tool(Path::new(SOFTHSM), "unused", words);
    }

    fn keyward(&self, home: &str, words: &[&str]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_keyward"));
        self.run(program, words, &[("KEYWARD_HOME", home)])
    }

    /// The directory of the one token of SoftHSM.
    fn token(&self) -> PathBuf {
        let entry = fs::read_dir(self.path("soft")).unwrap().next().unwrap();
        entry.unwrap().path()
    }
}

/// Makes a token of SoftHSM with objects of each kind.
fn fill(world: &World) {
    let init = [
        "--init-token",
        "--free",
        "--label",
        "old",
        "--pin",
        PIN,
        "--so-pin",
        SO_PIN,
    ];
    world.must(Path::new("softhsm2-util"), &init, "unused");
    for (key, id) in [
        ("rsa:2048", "01"),
        ("rsa:1024", "02"),
        ("EC:secp384r1", "03"),
        ("EC:edwards25519", "04"),
    ] {
        world.soft(&[
            "--keypairgen",
            "--key-type",
            key,
            "--label",
            key,
            "--id",
            id,
        ]);
    }
    world.soft(&[
        "--keygen",
        "--key-type",
        "AES:32",
        "--label",
        "aes",
        "--id",
        "05",
    ]);
    world.soft(&[
        "--keygen",
        "--key-type",
        "GENERIC:20",
        "--label",
        "generic",
        "--id",
        "06",
    ]);
    world.soft(&[
        "--write-object",
        "message",
        "--type",
        "data",
        "--label",
        "open",
        "--application-label",
        "demo",
    ]);
    world.soft(&[
        "--write-object",
        "message",
        "--type",
        "data",
        "--label",
        "hidden",
        "--private",
    ]);
    world.must(
        Path::new("openssl"),
        &[
            "x509", "-in", "web.crt", "-outform", "DER", "-out", "web.der",
        ],
        "unused",
    );
    world.soft(&[
        "--write-object",
        "web.der",
        "--type",
        "cert",
        "--label",
        "web",
        "--id",
        "07",
    ]);
    let import = [
        "--import", "ec.pem", "--label", "brought", "--id", "08", "--token", "old", "--pin", PIN,
    ];
    world.must(Path::new("softhsm2-util"), &import, "unused");
}

/// Label, class and id of every object but the domain key, sorted, and what became of them.
fn listed(world: &World, home: &str) -> Vec<String> {
    let output = world.keyward(home, &["object", "list", "--json"]);
    let objects: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut lines: Vec<String> = objects
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["label"].as_str().unwrap().starts_with("domain key"))
        .map(|one| {
            format!(
                "{} {} {} {} {}",
                one["class"], one["key_type"], one["label"], one["id"], one["flags"]
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_token_of_softhsm_comes_with_everything_and_works_alike() {
    let world = World::new();
    fill(&world);
    // A key that is too short is named, and the rest comes.
    let output = world.keyward("home", &["token", "import-softhsm", "soft"]);
    let printed =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("RSA private key \"rsa:1024\" id 02: RSA keys of less than 2048 bits"),
        "{printed}"
    );
    assert!(
        printed.contains("1 of 15 objects could not come"),
        "{printed}"
    );
    let objects = listed(&world, "home");
    assert_eq!(objects.len(), 14, "{objects:#?}");
    assert!(
        objects
            .iter()
            .any(|one| one.contains("\"secret key\" \"AES\" \"aes\" \"05\""))
    );
    let ours = module();
    for (mechanism, id) in [("SHA256-RSA-PKCS", "01"), ("EDDSA", "04")] {
        let sign = |out| {
            [
                "--sign", "-m", mechanism, "--id", id, "-i", "message", "-o", out,
            ]
        };
        world.soft(&sign("theirs"));
        world.tool(&ours, "home", &sign("ours"));
        assert_eq!(
            fs::read(world.path("theirs")).unwrap(),
            fs::read(world.path("ours")).unwrap(),
            "{mechanism}"
        );
    }
    for id in ["03", "08"] {
        world.tool(
            &ours,
            "home",
            &[
                "--sign",
                "-m",
                "ECDSA",
                "--id",
                id,
                "-i",
                "block",
                "-o",
                "signature",
            ],
        );
        world.soft(&[
            "--verify",
            "-m",
            "ECDSA",
            "--id",
            id,
            "-i",
            "block",
            "--signature-file",
            "signature",
        ]);
    }
    let iv = "00000000000000000000000000000000";
    world.soft(&[
        "--encrypt",
        "-m",
        "AES-CBC",
        "--iv",
        iv,
        "--id",
        "05",
        "-i",
        "block",
        "-o",
        "sealed",
    ]);
    world.tool(
        &ours,
        "home",
        &[
            "--decrypt",
            "-m",
            "AES-CBC",
            "--iv",
            iv,
            "--id",
            "05",
            "-i",
            "sealed",
            "-o",
            "opened",
        ],
    );
    assert_eq!(fs::read(world.path("opened")).unwrap(), [7; 32]);
    world.tool(
        &ours,
        "home",
        &[
            "--read-object",
            "--type",
            "data",
            "--label",
            "hidden",
            "-o",
            "data",
        ],
    );
    assert_eq!(fs::read(world.path("data")).unwrap(), b"a message to sign");
    // The same token as one database.
    let database = world.path("database");
    fs::create_dir(&database).unwrap();
    as_database(&world.token(), &database.join("sqlite3.db"));
    let output = world.keyward("second", &["token", "import-softhsm", "database"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(listed(&world, "second"), objects);
}

#[test]
fn wrong_pins_directories_and_damage_are_named() {
    let world = World::new();
    fill(&world);
    let import = |variables: &[(&str, &str)], words: &[&str]| {
        let program = Path::new(env!("CARGO_BIN_EXE_keyward"));
        let words = [&["token", "import-softhsm"], words].concat();
        let home = [("KEYWARD_HOME", "home")];
        let output = world.run(program, &words, &[&home, variables].concat());
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, error) = import(&[("KEYWARD_PIN", "7654321")], &["soft"]);
    assert_eq!(
        (code, error.as_str()),
        (
            Some(3),
            "keyward: the user PIN of the SoftHSM token is wrong\n"
        )
    );
    let (code, error) = import(&[("KEYWARD_SO_PIN", "12345678")], &["soft"]);
    assert_eq!(
        (code, error.as_str()),
        (
            Some(3),
            "keyward: the SO PIN of the SoftHSM token is wrong\n"
        )
    );
    let (code, error) = import(&[], &["."]);
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("holds no token of SoftHSM"), "{error}");
    // Nothing was left behind by any of these.
    assert!(!world.path("home").join("tokens").exists());
    // A cut object file is one object less.
    let token = world.token();
    let cut = fs::read_dir(&token)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let cut = cut.filter(|path| path.extension().is_some_and(|own| own == "object"));
    let cut = cut
        .into_iter()
        .find(|path| !path.ends_with("token.object"))
        .unwrap();
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let (code, error) = import(&[("KEYWARD_SO_PIN", "12345678")], &["soft", "--new-so-pin"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("of 15 objects could not come"), "{error}");
}

/// Writes the files of a token as SoftHSM writes one database: the token itself is the first object.
fn as_database(token: &Path, path: &Path) {
    let connection = Connection::open(path).unwrap();
    let value = "value, type integer, object_id integer, id integer primary key autoincrement";
    connection
        .execute_batch(&format!(
            "create table object (id integer primary key autoincrement);
             create table attribute_boolean ({value}); create table attribute_integer ({value});
             create table attribute_binary ({value}); create table attribute_array ({value});"
        ))
        .unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(token)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|own| own == "object"));
    files.sort_by_key(|file| !file.ends_with("token.object"));
    for file in files {
        connection
            .execute("insert into object default values", [])
            .unwrap();
        let object = connection.last_insert_rowid();
        let bytes = fs::read(file).unwrap();
        let mut rest = &bytes[8..];
        while !rest.is_empty() {
            let (kind, form) = (number(&mut rest), number(&mut rest));
            let insert = |table: &str, value: &dyn rusqlite::ToSql| {
                let statement =
                    format!("insert into {table} (value, type, object_id) values (?, ?, ?)");
                let values = params![value, kind, object];
                connection.execute(&statement, values).unwrap();
            };
            match form {
                1 => insert("attribute_boolean", &i64::from(take(&mut rest, 1)[0])),
                2 => insert("attribute_integer", &number(&mut rest)),
                3 => {
                    let length = usize::try_from(number(&mut rest)).unwrap();
                    insert("attribute_binary", &take(&mut rest, length));
                }
                // SoftHSM writes templates that nobody gave as empty maps.
                4 => {
                    assert_eq!(number(&mut rest), 0, "a template that nobody gave");
                    insert("attribute_array", &Vec::<u8>::new());
                }
                // Lists are written in the machine's own order of bytes.
                5 => {
                    let count = number(&mut rest);
                    let list: Vec<u8> = (0..count)
                        .flat_map(|_| number(&mut rest).to_ne_bytes())
                        .collect();
                    insert("attribute_binary", &list);
                }
                other => panic!("SoftHSM wrote a value of kind {other}"),
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, more) = rest.split_at(length);
    *rest = more;
    taken
}

fn number(rest: &mut &[u8]) -> i64 {
    i64::from_be_bytes(take(rest, 8).try_into().unwrap())
}
