//! Until when certificates are valid.
//!
//! Nothing we depend on reads the dates of a certificate and hands them over; a
//! parser for all of X.509 would be ten more crates. But whoever verifies must
//! look at the dates first. So each certificate is put before rustls's own
//! verifier without any authority: it is refused in any case, and either for
//! its dates or for something else.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage};

use super::TlsWarning;

/// Days before its end from which on a certificate is warned about. A guess:
/// two weeks are time enough to make another.
pub const EXPIRY_NOTICE_DAYS: u64 = 14;

const DAY_S: u64 = 24 * 60 * 60;

/// What to say of a certificate's dates at that time.
pub(super) fn warning(
    path: &Path,
    certificate: &CertificateDer<'_>,
    now_unix: u64,
) -> Option<TlsWarning> {
    let path = path.to_owned();
    match refusal(certificate, now_unix)? {
        Error::CertExpired { not_after, .. } => {
            return Some(TlsWarning::Expired { path, days: days(not_after, now_unix) });
        }
        Error::CertNotValidYet { not_before, .. } => {
            return Some(TlsWarning::NotYetValid { path, days: days(not_before, now_unix) });
        }
        _ => {}
    }
    match refusal(certificate, now_unix.saturating_add(EXPIRY_NOTICE_DAYS * DAY_S))? {
        Error::CertExpired { not_after, .. } => {
            Some(TlsWarning::ExpiresSoon { path, days: days(not_after, now_unix) })
        }
        _ => None,
    }
}

/// Why the certificate is not accepted; `None` if it is no certificate.
fn refusal(certificate: &CertificateDer<'_>, at_unix: u64) -> Option<Error> {
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at_unix));
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let usage = KeyUsage::server_auth();
    certificate.verify_for_usage(ALL_VERIFICATION_ALGS, &[], &[], at, usage, None, None).err()
}

fn days(date: UnixTime, now_unix: u64) -> u64 {
    date.as_secs().abs_diff(now_unix) / DAY_S
}
