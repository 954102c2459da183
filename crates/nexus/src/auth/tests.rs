//! What tokens promise: only those of the file are good, only until they end,
//! and no secret gets anywhere else.

use super::*;
use crate::scratch::{Scratch, set_mode};

/// 2027-01-31T00:00:00Z.
const JANUARY_31: u64 = 1_801_353_600;

const DAY_S: u64 = 24 * 60 * 60;

/// SHA-256 of `test`, from FIPS 180's algorithm as `sha256sum` has it.
const HASH_OF_TEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn load(text: impl AsRef<[u8]>) -> Result<Tokens, TokensError> {
    let scratch = Scratch::new();
    Tokens::load(&scratch.file("tokens", text))
}

/// What is wrong with a file, one line each, without the file's name.
fn faults_of(text: impl AsRef<[u8]>) -> String {
    match load(text) {
        Ok(tokens) => format!("{} tokens", tokens.len()),
        Err(TokensError::Lines { faults, more, .. }) => {
            let told: Vec<String> = faults.iter().map(LineFault::to_string).collect();
            let more = if more == 0 { String::new() } else { format!("\nand {more} more") };
            told.join("\n") + &more
        }
        Err(other) => panic!("{other}"),
    }
}

fn new_token(role: Role, name: &str, expires: Option<&str>) -> NewToken {
    Tokens::create(role, name, expires).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn roles_are_in_order_and_named() {
    assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    for name in ["", "Admin", "root", "viewer "] {
        assert_eq!(name.parse::<Role>(), Err(ParseRoleError));
    }
}

#[test]
fn the_tokens_of_a_file_are_good_and_no_others() {
    let tokens = load(format!(
        "# who may come in\n\n  operator\t{HASH_OF_TEST}  deploys # for the pipeline\r\n"
    ))
    .unwrap_or_else(|error| panic!("{error}"));
    let found = tokens.check("test", 0).expect("it is in the file");
    assert_eq!((&*found.name, found.role), ("deploys", Role::Operator));
    let long = "t".repeat(1_000_000);
    for other in ["", "tes", "test ", "Test", "test\0", HASH_OF_TEST, &long] {
        assert_eq!(tokens.check(other, 0), None, "{other:.20}");
    }
    // Whoever shows nothing has nothing, whatever the file says.
    let nothing: String = hash("").iter().map(|byte| format!("{byte:02x}")).collect();
    let tokens = load(format!("admin {nothing} nobody")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((tokens.len(), tokens.check("", 0)), (1, None));
    let upper = load(format!("viewer {} x", HASH_OF_TEST.to_uppercase()));
    assert!(upper.is_ok_and(|tokens| tokens.check("test", 0).is_some()));
}

#[test]
fn a_token_is_good_until_it_ends() {
    for (expires, end) in [
        ("2027-01-31", JANUARY_31 + DAY_S),
        ("2027-01-31T12:00:00Z", JANUARY_31 + DAY_S / 2),
        ("2027-01-31T12:00:00+02:00", JANUARY_31 + DAY_S / 2 - 7_200),
        ("1969-12-31T23:00:00Z", 0),
    ] {
        let tokens = load(format!("viewer {HASH_OF_TEST} a expires={expires}"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(tokens.check("test", end), None, "{expires}");
        assert_eq!(tokens.check("test", u64::MAX), None, "{expires}");
        if end > 0 {
            assert!(tokens.check("test", end - 1).is_some(), "{expires}");
        }
    }
}

#[test]
fn a_wrong_line_is_told_by_number_and_never_repeated() {
    let hash = HASH_OF_TEST;
    let secret = new_token(Role::Admin, "a", None).secret;
    let secret = secret.expose();
    for (line, told) in [
        (secret.to_owned(), "the first word is no role"),
        (format!("Admin {hash} a"), "the first word is no role"),
        ("admin".to_owned(), "the second word is not the SHA-256"),
        (format!("admin {secret} a"), "the second word is not the SHA-256"),
        (format!("admin {} a", &hash[1..]), "the second word is not the SHA-256"),
        (format!("admin {}g a", &hash[1..]), "the second word is not the SHA-256"),
        (format!("admin {}é a", &hash[2..]), "the second word is not the SHA-256"),
        (format!("admin {hash}"), "the third word is not a name"),
        (format!("admin {hash} # a"), "the third word is not a name"),
        (format!("admin {hash} a/b"), "the third word is not a name"),
        (format!("admin {hash} {}", "n".repeat(65)), "the third word is not a name"),
        (format!("admin {hash} expires=2027-01-31"), "the third word is not a name"),
        (format!("admin {hash} a 2027-01-31"), "the fourth word is not expires="),
        (format!("admin {hash} a expires=2027-02-30"), "the fourth word is not expires="),
        (format!("admin {hash} a expires=tomorrow"), "the fourth word is not expires="),
        (format!("admin {hash} a expires="), "the fourth word is not expires="),
        (format!("admin {hash} a expires=2027-01-31 b"), "there are more than four words"),
        (format!("admin {hash} a\nviewer {hash} b"), "this is the token of line 2 again"),
        (format!("admin {hash} a\0"), "the third word is not a name"),
    ] {
        let found = faults_of(format!("# one\n{line}\n"));
        let number = 1 + line.lines().count();
        assert!(found.starts_with(&format!("{number}: {told}")), "{line:?}: {found}");
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(!found.contains(&secret[4..]), "{found}");
    }
    assert!(faults_of(b"viewer \xff\xfe x").starts_with("1: this is not UTF-8 text"));
    assert!(faults_of("x\ny\n").contains("2: "), "both lines are told");
    assert!(faults_of("x\n".repeat(100)).ends_with("and 80 more"));
}

#[test]
fn files_are_bounded() {
    let line = |number: usize| {
        let hash: String =
            hash(&number.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("viewer {hash} n{number}\n")
    };
    let most: String = (0..TOKENS_MAX).map(line).collect();
    assert_eq!(faults_of(&most), "10000 tokens");
    let told = faults_of(most + &line(TOKENS_MAX));
    assert_eq!(told, "10001: there are more than 10000 tokens");
    let huge = load("#".repeat(TOKENS_BYTES_MAX + 1)).expect_err("that is too large");
    assert!(huge.to_string().contains("more than 1048576 bytes"), "{huge}");
    assert!(faults_of("\n".repeat(TOKENS_BYTES_MAX)) == "0 tokens");
    let none = Tokens::load(Path::new("/nonexistent/tokens")).expect_err("there is none");
    assert!(none.to_string().starts_with("the file of tokens /nonexistent/tokens cannot be read"));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_write_is_refused_and_one_they_can_read_is_warned_about() {
    let scratch = Scratch::new();
    let path = scratch.file("tokens", format!("viewer {HASH_OF_TEST} a"));
    for (mode, refused, warned) in [
        (0o600, false, false),
        (0o400, false, false),
        (0o640, false, true),
        (0o644, false, true),
        (0o620, true, false),
        (0o602, true, false),
        (0o666, true, false),
    ] {
        set_mode(&path, mode);
        match Tokens::load(&path) {
            Ok(tokens) => assert_eq!((refused, warned), (false, !tokens.warnings().is_empty())),
            Err(error) => assert!(refused && error.to_string().contains("chmod 600"), "{error}"),
        }
    }
}

#[test]
fn a_file_without_tokens_is_warned_about() {
    let tokens = load("# nobody\n").expect("it is not wrong");
    assert!(tokens.is_empty());
    assert!(tokens.warnings()[0].contains("nobody can come in"), "{:?}", tokens.warnings());
}

#[test]
fn a_new_token_is_good_once_its_line_is_in_the_file() {
    let scratch = Scratch::new();
    let path = scratch.path("tokens");
    let made: Vec<NewToken> = Role::ALL
        .into_iter()
        .map(|role| new_token(role, "a.b-c_d@e", Some("2027-01-31")))
        .collect();
    for token in &made {
        token.append_to(&path).unwrap_or_else(|error| panic!("{error}"));
    }
    let tokens = Tokens::load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((tokens.len(), tokens.warnings()), (3, vec![]));
    for (role, token) in Role::ALL.into_iter().zip(&made) {
        let secret = token.secret.expose();
        assert!(secret.starts_with("nxs_") && secret.len() == 4 + 43, "{secret}");
        let found = tokens.check(secret, JANUARY_31).expect("it is in the file");
        assert_eq!((&*found.name, found.role), ("a.b-c_d@e", role));
    }
    assert_ne!(made[0].secret.expose(), made[1].secret.expose());
    let file = std::fs::read_to_string(&path).expect("it is there");
    assert!(made.iter().all(|token| !file.contains(token.secret.expose())));
}

#[test]
fn a_line_is_put_after_one_that_was_left_open() {
    let scratch = Scratch::new();
    let path = scratch.file("tokens", format!("viewer {HASH_OF_TEST} a"));
    new_token(Role::Admin, "b", None).append_to(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(Tokens::load(&path).map(|tokens| tokens.len()).expect("both lines are right"), 2);
}

#[test]
fn the_same_bytes_make_the_same_token() {
    let token = NewToken::from_bytes([0xfb; 32], Role::Viewer, "a", None).expect("a name");
    let expected = format!("nxs_{}-_s", "-_v7".repeat(10));
    assert_eq!(token.secret.expose().len(), 47);
    assert_eq!(&token.secret.expose()[..44], &expected[..44]);
    let again = NewToken::from_bytes([0xfb; 32], Role::Viewer, "a", None).expect("a name");
    assert_eq!(token.line, again.line);
}

#[test]
fn what_cannot_be_a_token_is_not_made() {
    let long = "n".repeat(65);
    for name in ["", "a b", "#a", "a\n", "ä", &long] {
        let made = Tokens::create(Role::Viewer, name, None);
        assert!(matches!(made, Err(CreateTokenError::Name(_))), "{name}");
    }
    for expires in ["", "tomorrow", "2027-13-01", "2027-01-31 12:00", "2027-01-31T12:00:00"] {
        let made = Tokens::create(Role::Viewer, "a", Some(expires));
        assert!(matches!(made, Err(CreateTokenError::Expiry(_))), "{expires}");
    }
    let token = new_token(Role::Viewer, "a", None);
    let scratch = Scratch::new();
    let error = token.append_to(&scratch.path("none/tokens")).expect_err("there is no folder");
    assert!(error.to_string().contains("it is not valid"), "{error}");
}

#[test]
fn no_secret_shows_in_debug_output() {
    let token = new_token(Role::Admin, "a", None);
    let tokens = load(&token.line).unwrap_or_else(|error| panic!("{error}"));
    let found = tokens.check(token.secret.expose(), 0);
    let shown = format!("{token:?} {tokens:?} {found:?}");
    assert!(!shown.contains(&token.secret.expose()[4..]), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_file_that_was_refused_for_its_mode_counts_once_that_is_right() {
    let scratch = Scratch::new();
    let (kept, revoked) = (new_token(Role::Viewer, "a", None), new_token(Role::Admin, "b", None));
    let path = scratch.file("tokens", format!("{}\n{}", kept.line, revoked.line));
    set_mode(&path, 0o600);
    let tokens = Tokens::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let good = |token: &NewToken| tokens.check(token.secret.expose(), 0).is_some();

    scratch.file("tokens", &kept.line);
    set_mode(&path, 0o666);
    assert!(matches!(tokens.reload_if_changed(100), Err(TokensError::Writable { .. })));
    assert!(good(&kept) && good(&revoked), "the tokens stay as they were");
    set_mode(&path, 0o600);
    assert!(matches!(tokens.reload_if_changed(105), Ok(true)));
    assert!(good(&kept) && !good(&revoked));
    assert!(matches!(tokens.reload_if_changed(110), Ok(false)), "nothing has changed");
}

#[test]
fn a_changed_file_is_read_again_after_a_while() {
    let scratch = Scratch::new();
    let first = new_token(Role::Viewer, "a", None);
    let second = new_token(Role::Admin, "b", None);
    let path = scratch.file("tokens", &first.line);
    let tokens = Tokens::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let good = |token: &NewToken| tokens.check(token.secret.expose(), 0).is_some();

    assert!(matches!(tokens.reload_if_changed(100), Ok(false)), "nothing has changed");
    second.append_to(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(tokens.reload_if_changed(104), Ok(false)), "it is too early to look");
    assert!(!good(&second));
    assert!(matches!(tokens.reload_if_changed(105), Ok(true)));
    assert!(good(&first) && good(&second));

    scratch.file("tokens", "wrong");
    assert!(matches!(tokens.reload_if_changed(110), Err(TokensError::Lines { .. })));
    assert!(good(&first) && good(&second), "the tokens stay as they were");
    assert!(matches!(tokens.reload_if_changed(115), Ok(false)), "that was told before");

    std::fs::remove_file(&path).expect("it is there");
    assert!(matches!(tokens.reload_if_changed(120), Err(TokensError::Read { .. })));
    assert!(matches!(tokens.reload_if_changed(125), Ok(false)), "that was told before");
    assert!(good(&first));

    scratch.file("tokens", &second.line);
    assert!(matches!(tokens.reload_if_changed(60), Ok(true)), "a clock that was set back");
    assert!(!good(&first) && good(&second));
}
