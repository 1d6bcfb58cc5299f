//! What the error texts of KV and R2 mean: the one file that recognises them, because these errors have no code.
//!
//! It uses nothing of the runtime, so that its tests run natively.

use crate::ports::CopyError;

/// The numbers of R2's errors about its input: a hash that does not match, an upload that no longer exists, parts of unequal
/// size, a part that is missing or too small. Source: <https://developers.cloudflare.com/r2/api/error-codes/>.
const BAD_INPUT: [&str; 5] = ["(10037)", "(10024)", "(10048)", "(10025)", "(10011)"];

/// Whether R2 reported the error. An error without a number is that of the stream which R2 was given: it ended early, or had
/// another length than was stated.
fn is_of_r2(reason: &str) -> bool {
    reason.contains("(10")
}

/// The meaning of the error of a put to R2.
pub(crate) fn put_error(reason: String) -> CopyError {
    let is_bad_input = BAD_INPUT.iter().any(|number| reason.contains(number));
    if is_of_r2(&reason) && !is_bad_input {
        CopyError::Unavailable(reason)
    } else {
        CopyError::BadCopy(reason)
    }
}

/// The meaning of the error of a put whose `length` bytes were counted on their way. `count` is the error of the count, if
/// it failed too. A rejected put makes the count fail as well, so that the bytes are to blame only without an error of R2.
pub(crate) fn counted_put_error(reason: String, count: Option<String>, length: u64) -> CopyError {
    if is_of_r2(&reason) {
        return put_error(reason);
    }
    let reason = count.unwrap_or(reason);
    CopyError::BadCopy(format!("not the {length} bytes that the task says: {reason}"))
}

/// Whether KV rejected a write because its key was written less than a second ago (429).
pub(crate) fn is_kv_busy(reason: &str) -> bool {
    reason.contains("429")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_r2_may_pass_and_one_of_the_bytes_does_not() {
        let unavailable = |reason: &str| CopyError::Unavailable(reason.to_owned());
        let bad = |reason: &str| CopyError::BadCopy(reason.to_owned());
        let r2s = [
            "put: We encountered an internal error. Please try again. (10001)",
            "put: Reduce your concurrent request rate for the same object. (10058)",
            "put: service unavailable (10043)",
        ];
        for reason in r2s {
            assert_eq!(put_error(reason.to_owned()), unavailable(reason));
            let piped = Some("TypeError: broken".to_owned());
            assert_eq!(counted_put_error(reason.to_owned(), piped, 7), unavailable(reason));
        }
        let hash = "put: The SHA-256 checksum you specified did not match what we received. (10037)";
        assert_eq!(put_error(hash.to_owned()), bad(hash));
        assert_eq!(counted_put_error(hash.to_owned(), None, 7), bad(hash));
        let cut = "Network connection lost.";
        assert_eq!(put_error(cut.to_owned()), bad(cut));
        let counted = |count: Option<&str>| counted_put_error(cut.to_owned(), count.map(str::to_owned), 7);
        assert_eq!(counted(None), bad("not the 7 bytes that the task says: Network connection lost."));
        assert_eq!(counted(Some("too many")), bad("not the 7 bytes that the task says: too many"));
    }

    #[test]
    fn kv_is_busy_when_a_key_is_written_twice_in_a_second() {
        assert!(is_kv_busy("KV PUT failed: 429 Too Many Requests"));
        assert!(!is_kv_busy("KV PUT failed: 500 Internal Server Error"));
    }
}
