//! The known name nearest to a misspelt one, for messages that suggest it.

/// The known name that `name` most likely stands for: at most one edit, and one more for each four bytes.
/// `None`: no known name is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(name, candidate);
    let best = known.iter().min_by_key(|candidate| distance(candidate))?;
    (distance(best) <= 1 + name.len() / 4).then_some(*best)
}
