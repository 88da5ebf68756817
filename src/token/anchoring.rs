//! What the anchor says: the newest root of the row tree, the installed domain and the module's public
//! key, authenticated under a key of the module.

use super::Token;
use super::header::Card;
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::error::Result;
use crate::seal::envelope::{mac, same};
use crate::seal::root::ModuleKeys;
use crate::storage::anchor::Anchored;

/// A version of a domain and its token's hash.
pub(super) type Installed = (u64, [u8; 32]);

/// The state to be anchored.
pub(super) struct State<'c> {
    pub(super) head: (u64, [u8; 32]),
    pub(super) version: Installed,
    pub(super) card: &'c Card,
}

/// What an anchor says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) counter: u64,
    pub(super) epoch: [u8; 16],
    pub(super) signing: [u8; 32],
    pub(super) version: Installed,
    pub(super) root: [u8; 32],
    body: Vec<u8>,
    tag: [u8; 32],
}

impl State<'_> {
    /// The anchor of the state.
    pub(super) fn encode(&self, keys: &ModuleKeys) -> Anchored {
        let mut body = Encoder::default();
        body.array(6)
            .uint(self.head.0)
            .bytes(&self.card.epoch)
            .bytes(&self.card.signing);
        body.uint(self.version.0)
            .bytes(&self.version.1)
            .bytes(&self.head.1);
        let tag = mac(&keys.anchor, body.as_slice());
        let mut content = Encoder::default();
        content.array(2).bytes(body.as_slice()).bytes(&tag);
        Anchored {
            counter: self.head.0,
            content: content.into_vec(),
        }
    }
}

impl Known {
    fn parse(anchored: &Anchored) -> Option<Self> {
        let (body, tag) = Decoder::whole(&anchored.content, "anchor", |decoder| {
            decoder.tuple("anchor", 2)?;
            Ok((decoder.bytes("body", 1024)?, decoder.fixed("tag")?))
        })
        .ok()?;
        Decoder::whole(body, "anchor", |decoder| {
            decoder.tuple("anchor", 6)?;
            let counter = decoder.uint("counter")?;
            let (epoch, signing) = (decoder.fixed("epoch")?, decoder.fixed("signing key")?);
            let version = (
                decoder.uint("version")?,
                decoder.fixed("domain token hash")?,
            );
            let root = decoder.fixed("root")?;
            Ok(Known {
                counter,
                epoch,
                signing,
                version,
                root,
                body: body.to_vec(),
                tag,
            })
        })
        .ok()
    }

    /// Whether this module wrote it.
    pub(super) fn is_genuine(&self, keys: &ModuleKeys) -> bool {
        same(&mac(&keys.anchor, &self.body), &self.tag)
    }
}

/// What an anchor says, if this module wrote it.
pub(super) fn genuine(anchored: Option<Anchored>, keys: &ModuleKeys) -> Option<Known> {
    let known = anchored.as_ref().and_then(Known::parse);
    known.filter(|known| known.is_genuine(keys))
}

impl Token {
    /// What the anchor says; `None` when there is none, or it is damaged.
    pub(super) fn anchored(&self) -> Result<Option<Known>> {
        Ok(self.anchor.newest()?.as_ref().and_then(Known::parse))
    }
}
