use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\n\
    node:x:1000:1000::/home/node:/bin/sh\n";
const GROUP: &str = "root:x:0:\naudio:x:29:\nusers:x:100:node\ngames:x:60:\nnode:x:1000:\n";

fn accounts() -> Accounts {
    let table = |text: &str| Table::parse(text.as_bytes());
    Accounts {
        passwd: table(PASSWD),
        group: table(GROUP),
        shadow: Some(table("root:*:1::::::\n")),
        gshadow: Some(table("root:*::\naudio:*::\n")),
        subuid: Some(table("node:100000:65536\n")),
        subgid: Some(table("")),
    }
}

fn add(accounts: &mut Accounts, wishes: &str) -> Result<Decision, Vec<String>> {
    let wishes = Wishes::parse(Some(wishes.as_bytes())).unwrap();
    accounts.add(&wishes, &Rules::parse(b"").unwrap(), Some(3652))
}

/// The lines that came, each with a letter for its file.
fn added(wishes: &str) -> Vec<String> {
    let mut now = accounts();
    add(&mut now, wishes).unwrap();
    lines_beyond(&accounts(), &now)
}

fn lines_beyond(before: &Accounts, now: &Accounts) -> Vec<String> {
    let empty = Table::default();
    let files = |accounts: &Accounts| {
        let optional = [&accounts.shadow, &accounts.gshadow, &accounts.subuid, &accounts.subgid];
        let optional = optional.map(|table| table.as_ref().unwrap_or(&empty).render());
        [[accounts.passwd.render(), accounts.group.render()].to_vec(), optional.to_vec()].concat()
    };
    let mut lines = Vec::new();
    for ((name, before), now) in ["p", "g", "s", "gs", "su", "sg"].iter().zip(files(before)).zip(files(now)) {
        let before = String::from_utf8(before).unwrap();
        let now = String::from_utf8(now).unwrap();
        let new = now.lines().filter(|line| !before.lines().any(|known| known == *line));
        lines.extend(new.map(|line| format!("{name} {line}")));
    }
    lines
}

#[test]
fn a_user_gets_what_useradd_gives() {
    assert_eq!(
        added(r#"{"name":"app"}"#),
        [
            "p app:x:1001:1001::/home/app:/bin/sh",
            "g app:x:1001:",
            "s app:!:3652:0:99999:7:::",
            "gs app:!::",
            "su app:165536:65536",
            "sg app:100000:65536",
        ]
    );
    assert_eq!(
        added(r#"{"name":"app","system":true,"groups":["audio","users"]}"#),
        [
            "p app:x:999:999::/home/app:/usr/sbin/nologin",
            "g audio:x:29:app",
            "g users:x:100:node,app",
            "g app:x:999:",
            "s app:!:3652::::::",
            "gs audio:*::app",
            "gs app:!::",
        ]
    );
}

#[test]
fn numbers_of_user_and_group_go_together_where_they_can() {
    for (wishes, user, group) in [
        (r#"{"name":"a","uid":65532}"#, "a:x:65532:65532:", Some("a:x:65532:")),
        (r#"{"name":"a","uid":100}"#, "a:x:100:1001:", Some("a:x:1001:")),
        (r#"{"name":"a","gid":2000}"#, "a:x:1001:2000:", Some("a:x:2000:")),
        (r#"{"name":"a","uid":7,"group":"b","gid":8}"#, "a:x:7:8:", Some("b:x:8:")),
        (r#"{"name":"a","group":"b"}"#, "a:x:1001:1001:", Some("b:x:1001:")),
        (r#"{"name":"a","group":"users"}"#, "a:x:1001:100:", None),
        (r#"{"name":"a","group":"users","gid":100}"#, "a:x:1001:100:", None),
        (r#"{"name":"audio"}"#, "audio:x:1001:29:", None),
    ] {
        let lines = added(wishes);
        assert!(lines[0].starts_with(&format!("p {user}")), "{wishes}: {lines:?}");
        let groups: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("g ")).collect();
        assert_eq!(groups, group.into_iter().collect::<Vec<_>>(), "{wishes}");
    }
}

#[test]
fn a_group_alone_is_a_line() {
    assert_eq!(added(r#"{"group":"g"}"#), ["g g:x:1001:", "gs g:!::"]);
    assert_eq!(added(r#"{"group":"g","system":true}"#), ["g g:x:999:", "gs g:!::"]);
    assert_eq!(added(r#"{"group":"g","gid":65532}"#), ["g g:x:65532:", "gs g:!::"]);
    assert_eq!(added(r#"{"group":"audio","gid":29}"#), [""; 0]);
}

#[test]
fn files_that_are_not_there_are_not_made() {
    let mut now = Accounts::default();
    let decision = add(&mut now, r#"{"name":"app","uid":65532}"#).unwrap();
    assert_eq!(decision.owner, Some((65532, 65532)));
    assert_eq!(
        lines_beyond(&Accounts::default(), &now),
        ["p app:!:65532:65532::/home/app:/bin/sh", "g app:!:65532:"]
    );
    assert!(now.shadow.is_none() && now.gshadow.is_none() && now.subuid.is_none() && now.subgid.is_none());
}

#[test]
fn a_block_of_subordinate_numbers_is_for_people_and_once() {
    let blocks = |wishes: &str, sub_uids: &str| {
        let mut now =
            Accounts { subuid: Some(Table::parse(sub_uids.as_bytes())), subgid: None, ..accounts() };
        add(&mut now, wishes).unwrap();
        String::from_utf8(now.subuid.unwrap().render()).unwrap()
    };
    assert_eq!(blocks(r#"{"name":"a"}"#, ""), "a:100000:65536\n");
    assert_eq!(blocks(r#"{"name":"a"}"#, "a:1:2\n"), "a:1:2\n");
    assert_eq!(blocks(r#"{"name":"a","system":true}"#, ""), "");
    assert_eq!(blocks(r#"{"name":"a","uid":70000}"#, ""), "");
}

#[test]
fn the_same_again_changes_nothing() {
    for wishes in [
        r#"{"name":"app"}"#,
        r#"{"name":"app","uid":2000,"groups":["audio"]}"#,
        r#"{"name":"app","system":true,"group":"users"}"#,
        r#"{"group":"g","gid":7}"#,
    ] {
        let mut once = accounts();
        let owner = add(&mut once, wishes).unwrap().owner;
        let mut twice = once.clone();
        let decision = add(&mut twice, wishes).unwrap();
        assert_eq!(lines_beyond(&once, &twice), [""; 0], "{wishes}");
        assert!(decision.notes[0].contains("is there already"), "{:?}", decision.notes);
        assert_eq!(decision.owner, owner, "{wishes}");
    }
}

#[test]
fn what_cannot_be_met_is_refused_with_all_reasons() {
    for (wishes, expected) in [
        (r#"{"name":"app","uid":1000}"#, &["uid 1000 of user \"app\" is taken: it is that of \"node\""][..]),
        (r#"{"name":"app","gid":29}"#, &["gid 29 of group \"app\" is taken: it is that of \"audio\""]),
        (r#"{"group":"audio","gid":7}"#, &["group \"audio\" is there already with gid 29, not 7"]),
        (
            r#"{"name":"app","uid":5,"gid":60,"groups":["audoi","audio","wheel"]}"#,
            &[
                "uid 5 of user \"app\" is taken: it is that of \"games\"",
                "gid 60 of group \"app\" is taken: it is that of \"games\"",
                "group \"audoi\" of user \"app\": no such group in the image's /etc/group; did you mean \"audio\"?",
                "group \"wheel\" of user \"app\": no such group in the image's /etc/group",
            ],
        ),
        (
            r#"{"name":"games"}"#,
            &["user \"games\" is there already with home /usr/games, not /home/games and with \
                shell /usr/sbin/nologin, not /bin/sh"],
        ),
        (
            r#"{"name":"node","uid":7,"group":"audio","groups":["users","games"]}"#,
            &["user \"node\" is there already with uid 1000, not 7 and with group node, not audio and with \
                no place in group \"games\""],
        ),
    ] {
        let mut now = accounts();
        assert_eq!(add(&mut now, wishes).unwrap_err(), expected, "{wishes}");
        assert_eq!(lines_beyond(&accounts(), &now), [""; 0], "{wishes}");
    }
}

#[test]
fn a_range_without_a_free_number_is_named() {
    let rules = Rules::parse(b"UID_MIN 1000\nUID_MAX 1000").unwrap();
    let wishes = Wishes::parse(Some(br#"{"name":"app"}"#)).unwrap();
    let refusals = accounts().add(&wishes, &rules, None).unwrap_err();
    assert_eq!(refusals, ["no number is free for user \"app\" from 1000 to 1000"]);
}
