//! Every way in which a store may end a list early, or never: the kinds, and what becomes of each.

use super::*;

/// A page with these keys, of one byte each, and other fields as XML.
fn page(keys: &[&str], fields: &str) -> Page {
    let contents: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
        .collect();
    let text = format!("<ListBucketResult>{fields}{contents}</ListBucketResult>");
    Page::read(text.as_bytes()).unwrap()
}

const LAST: &str = "<IsTruncated>false</IsTruncated>";

fn more(token: &str) -> String {
    format!(
        "<IsTruncated>true</IsTruncated><KeyCount>0</KeyCount>\
         <NextContinuationToken>{token}</NextContinuationToken>"
    )
}

/// Lists from a store that answers `answer`; keys, or the error's text.
fn list(answer: impl Fn(&Ask) -> Page) -> std::result::Result<Vec<String>, String> {
    let mut pages = Pages::new("p/");
    let mut ask = Ask::First;
    loop {
        match pages.take(&ask, &answer(&ask)) {
            Ok(Some(next)) => ask = next,
            Ok(None) => {
                let found = pages.finish().into_iter();
                return Ok(found.map(|object| object.key).collect());
            }
            Err(error) => {
                assert_eq!(error.kind, Kind::OriginAnswer);
                return Err(error.what);
            }
        }
    }
}

/// Two pages, the second for whatever the first asks for.
fn two(first: Page, second: Page) -> std::result::Result<Vec<String>, String> {
    list(move |ask| match ask {
        Ask::First => first.clone(),
        _ => second.clone(),
    })
}

#[test]
fn a_list_is_whole() {
    let b = || page(&["p/b"], LAST);
    let both = vec!["p/a".to_owned(), "p/b".to_owned()];
    for (what, first, second) in [
        ("two pages", page(&["p/a"], &more("t")), b()),
        (
            "an empty page that goes on",
            page(&[], &more("t")),
            page(&["p/a", "p/b"], LAST),
        ),
        (
            "a token, and nothing of whether it goes on",
            page(&["p/a"], "<NextContinuationToken>t</NextContinuationToken>"),
            b(),
        ),
        (
            "a last page that leads on",
            page(
                &["p/a"],
                &format!("{LAST}<NextContinuationToken>t</NextContinuationToken>"),
            ),
            b(),
        ),
        (
            "version 1 with a marker",
            page(
                &["p/a"],
                "<IsTruncated>true</IsTruncated><NextMarker>p/a</NextMarker>",
            ),
            b(),
        ),
        (
            "version 1 without a marker",
            page(&["p/a"], "<Marker/><IsTruncated>true</IsTruncated>"),
            b(),
        ),
        (
            "another order",
            page(&["p/b"], &more("t")),
            page(&["p/a"], LAST),
        ),
        (
            "another spelling, and a count that is too small",
            page(
                &["p/a", "p/b"],
                "<IsTruncated> False </IsTruncated><KeyCount>1</KeyCount>",
            ),
            b(),
        ),
    ] {
        assert_eq!(two(first, second).as_ref(), Ok(&both), "{what}");
    }
    assert_eq!(list(|_| page(&[], LAST)), Ok(vec![]));
}

#[test]
fn version_1_is_listed_by_the_last_key() {
    let listed = list(|ask| match ask {
        Ask::First => page(&["p/a", "p/b"], "<IsTruncated>true</IsTruncated>"),
        Ask::Marker(marker) if marker == "p/b" => {
            page(&["p/c d"], "<IsTruncated>true</IsTruncated>")
        }
        Ask::Marker(marker) if marker == "p/c d" => page(
            &["p%2Fe+f"],
            "<EncodingType>url</EncodingType><NextMarker>p%2Fe+f</NextMarker>\
             <IsTruncated>true</IsTruncated>",
        ),
        Ask::Marker(marker) if marker == "p/e f" => page(&[], LAST),
        other => panic!("{other:?}"),
    });
    assert_eq!(listed.unwrap(), ["p/a", "p/b", "p/c d", "p/e f"]);
}

#[test]
fn a_list_that_may_not_be_whole_is_an_error() {
    let last = || page(&[], LAST);
    for (first, second, why) in [
        (page(&["p/a"], ""), last(), "whether it is whole"),
        (
            page(&["p/a"], "<IsTruncated>maybe</IsTruncated>"),
            last(),
            "\"maybe\"",
        ),
        (
            page(
                &["p/a"],
                "<IsTruncated>true</IsTruncated><KeyCount>1</KeyCount>",
            ),
            last(),
            "NextContinuationToken",
        ),
        (page(&["p/a"], &more("")), last(), "NextContinuationToken"),
        (
            page(&[], "<IsTruncated>true</IsTruncated>"),
            last(),
            "NextMarker",
        ),
        (
            page(&["p/b", "p/a"], "<IsTruncated>true</IsTruncated>"),
            last(),
            "in no order",
        ),
        (
            page(&["p/a"], &more("t")),
            page(&["p/a"], LAST),
            "\"p/a\" twice",
        ),
        (page(&["p/a", "p/a"], LAST), last(), "\"p/a\" twice"),
        (page(&["p/c", "p/a", "p/c"], LAST), last(), "\"p/c\" twice"),
        (page(&["q/a"], LAST), last(), "not under the prefix"),
        (page(&["p"], LAST), last(), "not under the prefix"),
        (page(&[""], LAST), last(), "without a key"),
        (
            page(&["p/a"], &format!("{LAST}<KeyCount>2</KeyCount>")),
            last(),
            "1 keys and says that it has 2",
        ),
        (
            page(&["p/a"], &format!("{LAST}<KeyCount>-1</KeyCount>")),
            last(),
            "no number",
        ),
        (
            page(
                &["p/a"],
                &format!("{LAST}<CommonPrefixes><Prefix>p/b/</Prefix></CommonPrefixes>"),
            ),
            last(),
            "CommonPrefixes",
        ),
    ] {
        let error = two(first, second).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_size_is_a_number_of_bytes() {
    for size in ["", "-1", "1e3", "99999999999999999999", "<X/>"] {
        let text = format!(
            "<ListBucketResult>{LAST}<Contents><Key>p/a</Key><Size>{size}</Size></Contents>\
             </ListBucketResult>"
        );
        let page = Page::read(text.as_bytes()).unwrap();
        let error = list(|_| page.clone()).unwrap_err();
        assert!(error.contains("size"), "{size}: {error}");
    }
}

#[test]
fn pages_that_lead_to_each_other_end() {
    // Each with its own token, back and forth; keys do not come twice where there are none.
    for keys in [&[][..], &["p/a"]] {
        let error = list(|ask| match ask {
            Ask::Token(token) if token == "one" => page(keys, &more("two")),
            _ => page(&[], &more("one")),
        });
        assert!(error.unwrap_err().contains("again"));
    }
    // Always the same page, in version 1, of a server that does not look at the marker.
    let error = list(|_| page(&["p/a"], "<IsTruncated>true</IsTruncated>"));
    assert!(error.unwrap_err().contains("\"p/a\" twice"));
    // Always another token, and never a key.
    let count = std::cell::Cell::new(0);
    let error = list(|_| {
        count.set(count.get() + 1);
        page(&[], &more(&count.get().to_string()))
    });
    assert!(error.unwrap_err().contains("does not end"));
    assert!(count.get() < 2_000);
}
