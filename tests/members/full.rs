//! A disk that is full, under the repository or under a member's own files: one line that says so, nothing
//! lost, and all goes on once there is room. On small file systems in memory, which only root can make.

use crate::members::{Domain, Ended, copy, until};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory on a small file system of its own, with what it held before, until it is dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where no file system can be made.
    fn under(directory: &Path) -> Option<Small> {
        let aside = directory.with_extension("aside");
        copy(directory, &aside);
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]);
        let mounted = mount
            .arg(directory)
            .output()
            .is_ok_and(|output| output.status.success());
        let small = mounted.then(|| Small(directory.to_owned()))?;
        let from = format!("{}/.", aside.display());
        let copied = Command::new("cp")
            .args(["-a", &from])
            .arg(directory)
            .status();
        assert!(copied.unwrap().success());
        Some(small)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes every free byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).unwrap();
        for size in [1 << 16, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Fails unless a command said in one line that the disk is full.
fn full(ended: Ended) {
    let why = ended.refused();
    println!("{why}");
    assert!(why.contains("the disk is full"), "{why}");
}

#[test]
fn a_repository_whose_disk_is_full_loses_nothing_and_goes_on() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        let Some(disk) = Small::under(&domain.place().join("repository")) else {
            println!("no file system can be made here: not tested");
            return;
        };
        let mut user = south.start("module");
        assert_eq!(user.ask("generate key 40"), "ok");
        let sealed = user.ask("encrypt key7 00112233");
        let old = domain.active_key();
        let words = ["key.add", "key.retire", &format!("key.remove:{old}")];
        let rotate = domain.request(&north, &words);
        let token = domain.proposed(&north, &["label.set:later"]);
        let version = domain.published().1.version;
        disk.fill();
        // What is in the log's own room may still go in; then nothing does.
        until("the disk is full", || {
            user.ask("generate filler").starts_with("CKR_")
        });
        assert_eq!(user.ask("generate lost"), "CKR_DEVICE_MEMORY");
        assert_eq!(user.ask("destroy key3"), "CKR_DEVICE_MEMORY");
        assert_eq!(user.ask(&format!("decrypt key7 {sealed}")), "00112233");
        full(south.keyward(&["key", "create", "lost"]));
        full(north.keyward(&["domain", "install", &token]));
        full(north.keyward(&["domain", "rotate", &rotate]));
        assert_eq!(domain.published().1.version, version);
        disk.make_room();
        assert_eq!(user.ask("find lost"), "0");
        assert_eq!(user.ask("find key3"), "1");
        assert_eq!(user.ask(&format!("decrypt key7 {sealed}")), "00112233");
        north.keyward(&["domain", "rotate", &rotate]).well();
        assert!(domain.published().1.is_removed(old));
        assert_eq!(user.ask(&format!("decrypt key7 {sealed}")), "00112233");
        user.end();
        for member in [&north, &south] {
            member.keyward(&["token", "verify"]).well();
        }
    });
}

#[test]
fn a_member_whose_disk_is_full_takes_the_next_version_once_there_is_room() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        let Some(disk) = Small::under(&south.home) else {
            println!("no file system can be made here: not tested");
            return;
        };
        let mut user = south.start("module");
        user.ask("generate shared");
        let sealed = user.ask("encrypt shared 00112233");
        let decrypt = format!("decrypt shared {sealed}");
        disk.fill();
        for number in 0..4 {
            domain.change(&north, &[&format!("label.set:{number}")]);
        }
        let version = domain.published().1.version;
        // A try at a PIN is counted before it is made: nobody comes in.
        full(south.keyward(&["domain", "follow"]));
        assert_eq!(user.ask(&decrypt), "00112233", "who is in goes on");
        disk.make_room();
        south.keyward(&["domain", "follow"]).well();
        let shown = south.json(&["domain", "show"]);
        assert_eq!(shown["version"].as_u64(), Some(version));
        assert_eq!(user.ask(&decrypt), "00112233");
        user.end();
        south.keyward(&["token", "verify"]).well();

        // A token is made whole or not at all.
        disk.fill();
        full(south.keyward(&["token", "init", "--label", "another"]));
        disk.make_room();
        south
            .keyward(&["token", "init", "--label", "another"])
            .well();
    });
}
