//! Domain keys in memory only (system requirement 2.8): of an installed version the store keeps what is
//! public, and each process takes the keys from the repository at login, or from an ingest.

use super::Token;
use super::unlocked::View;
use crate::domain::identity::Identity;
use crate::domain::ids::Digest;
use crate::domain::ingest::{self, Installed};
use crate::domain::keyring::Keyring;
use crate::domain::state::State;
use crate::domain::token::{Token as DomainToken, public_part, read_public_part};
use crate::error::{Error, Result};
use crate::seal::envelope::hash;
use crate::storage::{Reader, Writer};
use std::sync::Arc;

/// The fact that holds the identity's word for the public part of the installed version, where the store
/// has only that.
const PUBLIC: &str = "installed public";

/// The keys of a version that the store does not have.
pub(super) struct InMemory {
    hash: Digest,
    ring: Arc<Keyring>,
}

/// What the store keeps of a token that is installed, by what the version says. The word of the identity
/// is written with it.
pub(super) fn kept(
    writer: &dyn Writer,
    identity: &Identity,
    state: &State,
    token: &[u8],
) -> Result<Vec<u8>> {
    if !state.policy.volatile {
        writer.set_fact(PUBLIC, None)?;
        return Ok(token.to_vec());
    }
    let public = public_part(token)?;
    let word = identity.vouch(state.version, Digest(hash(&[&public])));
    writer.set_fact(PUBLIC, Some(&word))?;
    Ok(public)
}

/// The state in the public part that the store has of the installed version; `None` when it has the whole
/// token.
pub(super) fn public_state(
    reader: &dyn Reader,
    version: u64,
    kept: &[u8],
    identity: Option<&Identity>,
) -> Result<Option<State>> {
    let Some(word) = reader.fact(PUBLIC)? else {
        return Ok(None);
    };
    let exchanged = || Error::StoreTampered("the installed domain token was exchanged".into());
    if let Some(identity) = identity {
        let word = word.try_into().map_err(|_| exchanged())?;
        if !identity.vouched(version, Digest(hash(&[kept])), &word) {
            return Err(exchanged());
        }
    }
    Ok(Some(read_public_part(kept)?.state))
}

impl Token {
    /// The domain keys of an installed version that the store has without them: those of this process, or
    /// of the token in the repository. None where this module holds none, or the repository cannot say.
    pub(super) fn ring_in_memory(
        &self,
        installed: &Installed,
        identity: &Identity,
        before: Option<&View>,
    ) -> Option<Arc<Keyring>> {
        let kept = self.in_memory.load();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.hash == installed.hash) {
            return Some(Arc::clone(&kept.ring));
        }
        let same = before.filter(|view| view.installed.hash == installed.hash);
        if let Some(ring) = same.and_then(|view| view.ring.as_ref()) {
            return Some(Arc::clone(ring));
        }
        let token = self
            .published(installed.hash, installed.state.version)
            .ok()??;
        let ring = Arc::new(ingest::keys_of(&token, identity).ok()??);
        self.hold(installed.hash, &ring);
        Some(ring)
    }

    /// Keeps keys for as long as this process is logged in.
    pub(super) fn hold(&self, hash: Digest, ring: &Arc<Keyring>) {
        let ring = Arc::clone(ring);
        self.in_memory
            .store(Some(Arc::new(InMemory { hash, ring })));
    }

    /// A published token by its version, if it is the one with this hash.
    pub(super) fn published(&self, hash: Digest, version: u64) -> Result<Option<Vec<u8>>> {
        let after = version.saturating_sub(1);
        let rows = self
            .repository()?
            .reading(|reader| reader.domain_rows_after(after))?;
        let row = rows.into_iter().find(|row| row.version == version);
        let token = row.filter(|row| row.hash == hash.0).map(|row| row.token);
        Ok(token.filter(|token| DomainToken::parse(token).is_ok_and(|parsed| parsed.hash == hash)))
    }
}
