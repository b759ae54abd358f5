//! Conversion of plain text to Markdown.

/// Escapes a text, so that Markdown shows it unchanged. Text between backquotes is code.
pub fn escape(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let balanced = text.matches('`').count().is_multiple_of(2);
    let mut escaped = String::new();
    for (part, piece) in text.split('`').enumerate() {
        let code = balanced && !part.is_multiple_of(2);
        if part > 0 {
            escaped += if balanced { "`" } else { "\\`" };
        }
        if code { escaped += piece } else { escape_words(piece, &mut escaped) }
    }
    // Escapes the start of a heading, a list or a quotation.
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    let (mark, after) = (escaped.as_bytes().get(digits), escaped.as_bytes().get(digits + 1));
    match mark {
        Some(b'#' | b'-' | b'+' | b'=' | b'~' | b'|') if digits == 0 => escaped.insert(0, '\\'),
        Some(b'.' | b')') if digits > 0 && matches!(after, None | Some(b' ')) => escaped.insert(digits, '\\'),
        _ => {}
    }
    escaped
}

fn escape_words(text: &str, escaped: &mut String) {
    for word in text.split_inclusive(' ') {
        if word.starts_with("http://") || word.starts_with("https://") {
            let link = word.trim_end_matches([' ', '.', ',', ')', ';', '>']);
            *escaped += &format!("<{}>", link.replace(['<', '>'], ""));
            *escaped += word.get(link.len()..).unwrap_or_default();
            continue;
        }
        for character in word.chars() {
            if matches!(character, '\\' | '[' | ']' | '<' | '>' | '*' | '&' | '~') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_becomes_a_link_a_tag_or_a_list() {
        assert_eq!(escape("bits [7:4] of <REG>, 2*n"), r"bits \[7:4\] of \<REG\>, 2\*n");
        assert_eq!(escape("- no item"), r"\- no item");
        assert_eq!(escape("1. no item"), r"1\. no item");
        assert_eq!(escape("8.2.3"), "8.2.3");
        assert_eq!(escape("~5 us, ~6 us"), r"\~5 us, \~6 us");
        assert_eq!(escape("see https://example.com/a."), "see <https://example.com/a>.");
    }

    #[test]
    fn code_stays_code_if_it_ends() {
        assert_eq!(escape("`a[0]` is"), "`a[0]` is");
        assert_eq!(escape("a ` alone"), r"a \` alone");
    }
}
