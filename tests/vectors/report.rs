//! What became of each file's vectors, and the table of it.

use std::collections::BTreeMap;

/// What the module made of one vector.
pub(crate) enum Verdict {
    /// It took it, and every output was the expected one.
    Accepted,
    /// It refused it; the return value's name.
    Refused(String),
    /// It took it and gave another output than the expected one.
    Wrong(String),
    /// The vector says nothing about a PKCS#11 module; why.
    NotApplicable(&'static str),
}

/// The counts of one file.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) name: String,
    /// Valid vectors that gave the expected output.
    passed: usize,
    /// Invalid vectors that were refused.
    refused: usize,
    /// Vectors that may be taken or refused: taken with the right output, or refused.
    either: [usize; 2],
    not_applicable: BTreeMap<&'static str, usize>,
    /// Every vector that was answered wrongly, one line each.
    pub(crate) wrong: Vec<String>,
}

impl Report {
    pub(crate) fn new(name: &str) -> Report {
        Report {
            name: name.to_owned(),
            ..Report::default()
        }
    }

    /// Holds a verdict against what the vector's authors expect.
    pub(crate) fn count(&mut self, id: &str, expected: &str, verdict: Verdict) {
        match (expected, verdict) {
            (_, Verdict::NotApplicable(why)) => *self.not_applicable.entry(why).or_default() += 1,
            ("valid", Verdict::Accepted) => self.passed += 1,
            ("invalid", Verdict::Refused(_)) => self.refused += 1,
            ("acceptable", Verdict::Accepted) => self.either[0] += 1,
            ("acceptable", Verdict::Refused(_)) => self.either[1] += 1,
            (_, Verdict::Accepted) => self.blame(id, expected, "accepted"),
            (_, Verdict::Refused(rv)) => self.blame(id, expected, &rv),
            (_, Verdict::Wrong(what)) => self.blame(id, expected, &what),
        }
    }

    fn blame(&mut self, id: &str, expected: &str, what: &str) {
        self.wrong
            .push(format!("{} {id}: {expected}, but {what}", self.name));
    }
}

/// The first lines of a long list.
pub(crate) fn excerpt(lines: &[&String]) -> String {
    let mut text: Vec<&str> = lines.iter().take(60).map(|line| line.as_str()).collect();
    if lines.len() > text.len() {
        text.push("...");
    }
    text.join("\n")
}

/// Prints the table: a line a file, and the sums.
pub(crate) fn print(reports: &[Report]) {
    println!(
        "{:<44} {:>6} {:>7} {:>9} {:>6} {:>6}",
        "file", "valid", "refused", "either", "n/a", "WRONG"
    );
    let mut sums = [0usize; 6];
    for report in reports {
        let absent: usize = report.not_applicable.values().sum();
        let why: Vec<String> = report
            .not_applicable
            .iter()
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        let [taken, left] = report.either;
        println!(
            "{:<44} {:>6} {:>7} {:>5}/{:<3} {:>6} {:>6}  {}",
            report.name,
            report.passed,
            report.refused,
            taken,
            left,
            absent,
            report.wrong.len(),
            why.join("; ")
        );
        let counts = [
            report.passed,
            report.refused,
            taken,
            left,
            absent,
            report.wrong.len(),
        ];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [passed, refused, taken, left, absent, wrong] = sums;
    println!(
        "{} files: {passed} valid ones gave their answer, {refused} invalid ones were refused,",
        reports.len()
    );
    println!(
        "{taken} optional ones taken and {left} refused, {absent} not applicable, {wrong} WRONG"
    );
}

/// Prints the files that say nothing about the module.
pub(crate) fn print_left_out(files: &[(String, usize, &'static str)]) {
    println!();
    println!("{:<44} {:>6}  why", "file that does not apply", "n/a");
    for (name, count, why) in files {
        println!("{name:<44} {count:>6}  {why}");
    }
    let vectors: usize = files.iter().map(|(_, count, _)| count).sum();
    println!("{} files with {vectors} vectors do not apply", files.len());
}
