//! What differs from run to run, replaced by names: long hexadecimal numbers become `<hex 1>`, `<hex 2>`
//! in the order they appear, times `<time>`, slot numbers `<slot>`, and the directory `<here>`. Columns
//! then stand two spaces apart.

use std::path::Path;

/// The fewest digits of a number that is taken for random.
const LEAST: usize = 12;

/// The numbers seen so far.
pub(crate) struct Mask {
    directory: String,
    seen: Vec<String>,
}

impl Mask {
    /// Nothing seen yet; `directory` is where the commands run.
    pub(crate) fn new(directory: &Path) -> Self {
        Mask {
            directory: directory.to_str().expect("text").to_owned(),
            seen: Vec::new(),
        }
    }

    /// `text` with what differs from run to run replaced.
    pub(crate) fn mask(&mut self, text: &str) -> String {
        let text = text.replace(&self.directory, "<here>");
        let (mut masked, mut word) = (String::new(), String::new());
        for c in text.chars().chain(['\0']) {
            if c.is_ascii_alphanumeric() || (c == '-' || c == ':') && !word.is_empty() {
                word.push(c);
                continue;
            }
            masked.push_str(&self.name(&word));
            word.clear();
            masked.push(c);
        }
        masked.pop();
        let lines = masked.split('\n').map(close_columns);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// `text` with the names of numbers replaced by the numbers, so that commands can use them.
    pub(crate) fn unmask(&self, text: &str) -> String {
        let numbered = self.seen.iter().enumerate();
        numbered.fold(text.to_owned(), |text, (at, number)| {
            text.replace(&format!("<hex {}>", at + 1), number)
        })
    }

    fn name(&mut self, word: &str) -> String {
        if is_time(word) {
            return "<time>".to_owned();
        }
        if word.len() >= 7 && word.chars().all(|c| c.is_ascii_digit()) && word.len() < LEAST {
            return "<slot>".to_owned();
        }
        // What a change is about: `shred.cancel:0123…`.
        if let Some((what, number)) = word.rsplit_once(':').filter(|(_, after)| is_number(after)) {
            return format!("{what}:{}", self.name(number));
        }
        let bare = word.trim_end_matches([':', '-']);
        if !is_number(bare) {
            return word.to_owned();
        }
        let known = self.seen.iter().position(|seen| seen == bare);
        let at = known.unwrap_or_else(|| {
            self.seen.push(bare.to_owned());
            self.seen.len() - 1
        });
        format!("<hex {}>{}", at + 1, &word[bare.len()..])
    }
}

/// The line with two spaces wherever there were more, but for those at its beginning.
fn close_columns(line: &str) -> String {
    let text = line.trim_start();
    let (mut closed, mut spaces) = (line[..line.len() - text.len()].to_owned(), 0);
    for c in text.chars() {
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        if spaces <= 2 {
            closed.push(c);
        }
    }
    closed
}

/// Whether a word is a hexadecimal number that is taken for random.
fn is_number(word: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    word.len() >= LEAST && word.chars().all(is_digit)
}

/// Whether a word is a time as RFC 3339 writes it.
fn is_time(word: &str) -> bool {
    let shape: String = word
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00Z"
}
