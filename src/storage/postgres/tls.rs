//! TLS to the server: which certificates are taken for its own.

use crate::error::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much the connection must be, by the names of PostgreSQL's own clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it.
    Prefer,
    /// TLS.
    Require,
    /// TLS with a certificate of the authority given.
    VerifyCa,
    /// The same, and the certificate is for this host.
    VerifyFull,
}

impl Mode {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "disable" => Some(Mode::Disable),
            "prefer" => Some(Mode::Prefer),
            "require" => Some(Mode::Require),
            "verify-ca" => Some(Mode::VerifyCa),
            "verify-full" => Some(Mode::VerifyFull),
            _ => None,
        }
    }
}

/// What makes TLS connections. `roots` is a file of authorities' certificates; no others are trusted.
///
/// # Errors
/// `Config` when the file is missing, or needed and not given.
pub(super) fn connector(mode: Mode, roots: Option<&Path>) -> Result<MakeRustlsConnect> {
    // Named, not the process's default: the host program may have set that, or none.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error.to_string()))?;
    let checks = matches!(mode, Mode::VerifyCa | Mode::VerifyFull);
    let config = match roots {
        None if checks => {
            return Err(wrong(
                "whether the server is the right one cannot be checked without sslrootcert=FILE, the \
                 certificate of its authority in PEM (the system's authorities are not used); or say \
                 sslmode=require or sslmode=disable",
            ));
        }
        Some(file) if mode == Mode::VerifyFull => builder.with_root_certificates(read_roots(file)?),
        Some(file) => {
            let inner = WebPkiServerVerifier::builder_with_provider(
                Arc::new(read_roots(file)?),
                Arc::clone(&provider),
            );
            let inner = inner.build().map_err(|error| wrong(&error.to_string()))?;
            let verifier = Arc::new(AnyName(inner));
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        }
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer::new(&provider))),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn read_roots(file: &Path) -> Result<RootCertStore> {
    let bad = |cause: &str| wrong(&format!("sslrootcert {}: {cause}", file.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| bad(&error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(&error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| bad(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it holds no certificate in PEM"));
    }
    Ok(roots)
}

fn wrong(cause: &str) -> Error {
    Error::Config(format!("repository.url: {cause}"))
}

/// Any certificate of the authorities, for whatever host.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // The name is checked last: whoever fails only there is of the authority.
        match verdict {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Any certificate at all: what `require` without authorities means to PostgreSQL's clients.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

impl AnyServer {
    fn new(provider: &CryptoProvider) -> Self {
        AnyServer(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
