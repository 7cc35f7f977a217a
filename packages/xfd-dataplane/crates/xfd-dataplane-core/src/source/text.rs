//! Errors of other libraries, as sentences.

/// An error and what caused it, in one sentence.
pub(super) fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        let said = said.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        if words.last().is_none_or(|last| !last.contains(&said)) {
            words.push(said);
        }
        next = error.source();
    }
    words.join(": ")
}
