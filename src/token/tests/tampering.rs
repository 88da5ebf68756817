//! The database changed behind the module's back.

use super::*;

#[test]
fn an_edited_row_refuses_that_object_and_no_other() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let made = token.insert(vec![
        key("a", true),
        key("b", true),
        certificate("c"),
        certificate("d"),
    ]);
    let made = made.unwrap();
    let edits = [
        (
            0,
            "UPDATE objects SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE id = ?1",
        ),
        (0, "UPDATE objects SET private = 0 WHERE id = ?1"),
        (
            0,
            "UPDATE objects SET label = x'00112233445566778899aabbccddeeff' WHERE id = ?1",
        ),
        (0, "UPDATE objects SET domain_key = NULL WHERE id = ?1"),
        (0, "UPDATE objects SET revision = 2 WHERE id = ?1"),
        (0, "UPDATE objects SET sealed = NULL WHERE id = ?1"),
        (0, "UPDATE objects SET standing = 1 WHERE id = ?1"),
        (0, "UPDATE objects SET standing = 9 WHERE id = ?1"),
        (2, "UPDATE objects SET standing = 2 WHERE id = ?1"),
        (2, "UPDATE objects SET family = zeroblob(16) WHERE id = ?1"),
        (0, "UPDATE objects SET tenant = zeroblob(16) WHERE id = ?1"),
        (2, "UPDATE objects SET clear = x'00' WHERE id = ?1"),
        (2, "UPDATE objects SET class = NULL WHERE id = ?1"),
        (2, "UPDATE objects SET private = 1 WHERE id = ?1"),
    ];
    let sql = home.sql(&token);
    for (which, edit) in edits {
        let id = made[which].id();
        let before = copy_of(&sql, id);
        assert_eq!(sql.execute(edit, [&id.0[..]]).unwrap(), 1);
        let other = home.open(&token);
        logged_in(&other);
        assert_eq!(
            other.load(id).err(),
            Some(Error::ObjectTampered(id.to_string())),
            "{edit}"
        );
        let findings = other.verify().unwrap();
        assert_eq!(findings.len(), 1, "{edit}: {findings:?}");
        assert!(findings[0].to_string().contains(&id.to_string()));
        for intact in [1, 3] {
            other.load(made[intact].id()).unwrap();
        }
        restore(&sql, before);
        assert_eq!(home_open_verify(&home, &token), []);
    }
}

#[test]
fn swapped_rows_are_refused() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let made = token.insert(vec![
        key("a", true),
        key("a", true),
        certificate("c"),
        certificate("c"),
    ]);
    let made = made.unwrap();
    let sql = home.sql(&token);
    for column in ["sealed", "clear"] {
        for pair in [[0, 1], [2, 3]] {
            let value = |id: ObjectId| -> Option<Vec<u8>> {
                let query = format!("SELECT {column} FROM objects WHERE id = ?1");
                sql.query_row(&query, [&id.0[..]], |row| row.get(0))
                    .unwrap()
            };
            let ids = pair.map(|place| made[place].id());
            let update = format!("UPDATE objects SET {column} = ?2 WHERE id = ?1");
            let values = ids.map(value);
            for (id, value) in ids.iter().zip(values.iter().rev()) {
                sql.execute(&update, (&id.0[..], value)).unwrap();
            }
        }
    }
    let other = home.open(&token);
    logged_in(&other);
    for object in &made {
        let refused = Error::ObjectTampered(object.id().to_string());
        assert_eq!(other.load(object.id()).err(), Some(refused));
    }
}

#[test]
fn rows_put_back_deleted_or_destroyed_are_found_and_named() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let [old, deleted, destroyed] =
        ["old", "deleted", "destroyed"].map(|label| one(&token, key(label, true)));
    let sql = home.sql(&token);
    let (first, last) = (copy_of(&sql, old.id()), copy_of(&sql, destroyed.id()));
    token.replace(&old, key("newer", true)).unwrap();
    token.remove(&destroyed).unwrap();
    assert_eq!(home_open_verify(&home, &token), []);
    restore(&sql, first);
    restore(&sql, last);
    sql.execute("DELETE FROM objects WHERE id = ?1", [&deleted.id().0[..]])
        .unwrap();
    let other = home.open(&token);
    logged_in(&other);
    for id in [old.id(), deleted.id(), destroyed.id()] {
        assert_eq!(
            other.load(id).err(),
            Some(Error::ObjectTampered(id.to_string()))
        );
    }
    let findings = other.verify().unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings.contains(&Finding::PutBack(old.id(), 1, 2)));
    assert!(findings.contains(&Finding::Deleted(deleted.id())));
    assert!(findings.contains(&Finding::Foreign(destroyed.id())));
    assert_eq!(other.check(&|| false).unwrap(), findings);
    assert_eq!(other.check(&|| false).unwrap(), findings);
    let events = other.events(10).unwrap();
    assert_eq!(events.len(), 3, "each is kept once");
    assert!(events.iter().all(|event| event.kind == TAMPERED));
    // Everything else goes on, and the security officer can clean up.
    let intact = one(&other, key("intact", true));
    other.login(Role::SecurityOfficer, SO).unwrap();
    assert_eq!(other.accept().unwrap().len(), 1);
    logged_in(&other);
    assert_eq!(other.load(intact.id()).unwrap().revision(), 1);
    assert_eq!(other.verify().unwrap(), []);
}

#[test]
fn a_leaf_put_back_with_its_row_is_found() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let object = one(&token, key("old", true));
    let sql = home.sql(&token);
    let leaf = i64::from(crate::storage::tree::leaf_of(object.id()));
    let node: (Vec<u8>, Vec<u8>) = sql
        .query_row(
            "SELECT body, mac FROM nodes WHERE level = 2 AND place = ?1",
            [leaf],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let row = copy_of(&sql, object.id());
    token.replace(&object, key("newer", true)).unwrap();
    restore(&sql, row);
    let put = "UPDATE nodes SET body = ?2, mac = ?3 WHERE level = 2 AND place = ?1";
    sql.execute(put, (leaf, node.0, node.1)).unwrap();
    let other = home.open(&token);
    logged_in(&other);
    assert!(matches!(
        other.load(object.id()),
        Err(Error::StoreTampered(_))
    ));
    assert!(!other.verify().unwrap().is_empty());
    one(&other, key("service goes on", true));
}

#[test]
fn an_older_database_is_told_by_the_anchor() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let object = one(&token, key("k", true));
    token.scrub().unwrap();
    let copy = std::fs::read(home.database(&token)).unwrap();
    token.remove(&object).unwrap();
    token.scrub().unwrap();
    let serial = token.serial().clone();
    drop(token);
    let path = home
        .directory
        .path()
        .join("tokens")
        .join(serial.to_string())
        .join("token.db");
    std::fs::write(&path, copy).unwrap();
    let token = Token::open(&home.config, &serial).unwrap();
    logged_in(&token);
    assert!(matches!(
        token.load(object.id()),
        Err(Error::StoreTampered(_))
    ));
    let findings = token.verify().unwrap();
    assert!(
        matches!(findings[..], [Finding::RolledBack(_, _)]),
        "{findings:?}"
    );
}

#[test]
fn a_public_key_that_is_exchanged_signs_nothing() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let object = one(&token, certificate("c"));
    token.logout();
    let sql = home.sql(&token);
    let card: Vec<u8> = sql
        .query_row("SELECT value FROM facts WHERE name = 'token'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let place = card
        .windows(32)
        .position(|window| window == token.card.load().signing)
        .unwrap();
    let mut other = card.clone();
    other[place] ^= 1;
    sql.execute("UPDATE facts SET value = ?1 WHERE name = 'token'", [other])
        .unwrap();
    let other = home.open(&token);
    assert!(matches!(
        other.load(object.id()),
        Err(Error::StoreTampered(_))
    ));
}
