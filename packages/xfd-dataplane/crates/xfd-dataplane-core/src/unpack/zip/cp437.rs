//! The code page of names that say nothing of their encoding (APPNOTE, appendix D).

const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A name as text.
pub(super) fn decode(name: &[u8]) -> String {
    let upper: Vec<char> = UPPER.chars().collect();
    name.iter()
        .map(|byte| match byte.checked_sub(128) {
            Some(place) => upper.get(usize::from(place)).copied().unwrap_or('?'),
            None => char::from(*byte),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole() {
        assert_eq!(UPPER.chars().count(), 128);
        assert_eq!(decode(b"caf\x82 \x80 \xe1 \xff"), "café Ç ß \u{a0}");
    }
}
