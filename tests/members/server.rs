//! Members whose repository is on a server: they share keys, rotate the domain key while they work, and get
//! over a server that goes and comes back.

use crate::members::{Domain, Kind};
use std::time::{Duration, Instant};

#[test]
fn members_share_keys_on_a_server_and_get_over_its_restart() {
    members!(Kind::OwnPostgres, 3, |domain: &mut Domain| {
        let server = domain.server();
        let [north, south, east] = [0, 1, 2].map(|place| domain.members[place].clone());
        let first = domain.active_key();
        let mut users = [&north, &south, &east].map(|member| member.start("module"));
        users[0].ask("generate shared");
        users[1].ask("generate many 20");
        let sealed = users[1].ask("encrypt shared 00112233");
        assert_eq!(
            users[2].ask(&format!("decrypt shared {sealed}")),
            "00112233"
        );
        assert_eq!(users[2].ask("find many19"), "1");

        // Rotated by one of them while all work.
        let changes = ["key.add", "key.retire", &format!("key.remove:{first}")];
        let rotation = domain.request(&north, &changes);
        let north_rotates = north.keyward(&["domain", "rotate", &rotation, "--patience", "60"]);
        north_rotates.well();
        assert_ne!(domain.active_key(), first);
        let left = format!(
            "SELECT count(*) FROM {}.keyward_objects WHERE encode(domain_key, 'hex') = '{first}'",
            "test_0"
        );
        assert_eq!(server.sql(&left).trim(), "0");
        for user in &mut users {
            assert_eq!(user.ask(&format!("decrypt shared {sealed}")), "00112233");
            assert_eq!(user.ask("domain-keys"), "1");
        }

        // Gone: an error, no hang. Back: everybody goes on by itself.
        server.stop();
        let refused = north.keyward(&["domain", "follow"]).refused();
        assert!(refused.contains("cannot be reached"), "{refused}");
        assert!(users[0].ask("generate lost").starts_with("CKR_"));
        server.start_again();
        users[0].ask("generate found");
        let end = Instant::now() + Duration::from_secs(60);
        while users[2].ask("find found") != "1" {
            assert!(Instant::now() < end, "the new key is not found");
        }
        assert_eq!(users[1].ask("find lost"), "0");
        users[1].ask("destroy shared");
        assert_eq!(users[2].ask("find shared"), "0");

        for member in [&north, &south, &east] {
            member.keyward(&["token", "verify"]).well();
        }
        for user in users {
            user.end();
        }
    });
}
