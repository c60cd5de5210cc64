//! What an element from elsewhere needs the definition's consent for, besides its own requests: slots
//! that are not for everybody, and others that it brings along or stands in for.

use dibhost_plan::Phase;
use dibhost_plan::description::{Arity, Condition};

use crate::elements::*;

const IN: Phase = Phase::Install;
const CHOICE: &str = "dibhost:debian/choice@1";
const KEYS: &str = "dib:users/authorized-key@1";

#[test]
fn a_slot_between_the_hosts_own_elements_is_granted_or_refused() {
    let writer = element("writer").third_party().provides(IN, CHOICE);
    let reader = element("reader").third_party().reads_as(IN, CHOICE, Arity::Many, false);
    insta::assert_snapshot!(refused(&[writer.clone(), reader.clone()]), @r#"
    image.toml:3:13: `writer` asks for what the definition does not grant: `facts` `dibhost:debian/choice@1` (it provides this slot in `install`)
      3 | elements = ["writer", "reader"]
        |             ^^^^^^^^
      help: if you trust it with that, add
        [grants.writer]
        facts = ["dibhost:debian/choice@1"]
    image.toml:3:23: `reader` asks for what the definition does not grant: `facts` `read dibhost:debian/choice@1` (it reads this slot in `install`)
      3 | elements = ["writer", "reader"]
        |                       ^^^^^^^^
      help: if you trust it with that, add
        [grants.reader]
        facts = ["read dibhost:debian/choice@1"]
    "#);
    let granted = "[grants.writer]\nfacts = [\"dibhost:debian/choice@1\"]\n\
                   [grants.reader]\nfacts = [\"read dibhost:*\"]\n";
    plan_text(granted, &[writer.clone(), reader.clone()]).unwrap();
    // To say something is not to hear it, and the other way round.
    let crossed = "[grants.writer]\nfacts = [\"read dibhost:*\"]\n\
                   [grants.reader]\nfacts = [\"dibhost:*\"]\n";
    assert!(plan_text(crossed, &[writer, reader]).is_err());
    let (own_writer, own_reader) = (element("a").provides(IN, CHOICE), element("b"));
    plan_of(&[own_writer, own_reader.reads_as(IN, CHOICE, Arity::Many, false)]).unwrap();
}

#[test]
fn keys_that_log_in_are_not_for_everybody_to_read() {
    let mine = element("mine").third_party().reads_as(IN, KEYS, Arity::Many, false);
    let refused = refused(std::slice::from_ref(&mine));
    assert!(refused.contains("facts = [\"read dib:users/authorized-key@1\"]"), "{refused}");
    plan_text("[grants.mine]\nfacts = [\"read dib:users/authorized-key@1\"]\n", &[mine]).unwrap();
    // What others say of the system anybody may know.
    let open =
        element("open").third_party().reads_as(IN, "dib:boot/loader@1", Arity::Optional, false);
    plan_of(&[open]).unwrap();
}

#[test]
fn what_is_held_where_a_slot_says_so_tells_what_it_says() {
    let when = Condition {
        slot: CHOICE.to_owned(),
        field: "mirror".to_owned(),
        one_of: vec!["http://internal.example".to_owned()],
    };
    let mine = element("mine").third_party().requests_when("packages", "vim", &[when]).step(IN);
    let own = element("own").provides(Phase::Root, CHOICE);
    let refused = refused_text("[grants.mine]\npackages = [\"vim\"]\n", &[mine, own]);
    assert!(refused.contains("(what it asks for depends on this slot)"), "{refused}");
}

#[test]
fn an_element_is_brought_along_by_consent() {
    let text = "[image]\nname = \"test\"\nelements = [\"acme\"]\n";
    let all = [
        element("acme").third_party().requires("local-config", ""),
        element("local-config").requires("openssh-server", ""),
        element("openssh-server"),
    ];
    insta::assert_snapshot!(refused_text(text, &all), @r#"
    image.toml:3:13: `acme` asks for what the definition does not grant: `elements` `require local-config` (it is not done without it)
      3 | elements = ["acme"]
        |             ^^^^^^
      help: if you trust it with that, add
        [grants.acme]
        elements = ["require local-config"]
    "#);
    let plan =
        plan_text(&format!("{text}[grants.acme]\nelements = [\"require local-config\"]\n"), &all)
            .unwrap();
    assert!(plan.to_text().contains("elements require local-config"), "{}", plan.to_text());
    // Who names it brings it along, whoever needs it besides.
    let named = text.replace("\"acme\"", "\"acme\", \"local-config\"");
    plan_text(&named, &all).unwrap();
}

#[test]
fn who_is_brought_along_by_one_from_elsewhere_has_no_consent_of_its_own() {
    let text = "[image]\nname = \"test\"\nelements = [\"acme\"]\n";
    let all = [
        element("acme").third_party().requires("partner", ""),
        element("partner").third_party().requires("sshd", ""),
        element("sshd"),
    ];
    let granted = format!("{text}[grants.acme]\nelements = [\"require *\"]\n");
    let refused = refused_text(&granted, &all);
    assert!(refused.contains("[grants.partner]\n    elements = [\"require sshd\"]"), "{refused}");
}

#[test]
fn nobody_stands_in_for_another_in_silence() {
    let text = "[image]\nname = \"test\"\nelements = [\"debian\", \"acme\"]\n";
    let all = [
        element("debian").requires("sysprep", ""),
        element("sysprep"),
        element("acme").third_party().stands_in_for("sysprep").stands_in_for("layout"),
    ];
    // What is a role is nobody's place.
    insta::assert_snapshot!(refused_text(text, &all), @r#"
    image.toml:3:23: `acme` asks for what the definition does not grant: `elements` `stand-in-for sysprep` (it is there in its place)
      3 | elements = ["debian", "acme"]
        |                       ^^^^^^
      help: if you trust it with that, add
        [grants.acme]
        elements = ["stand-in-for sysprep"]
    "#);
    let granted = format!("{text}[grants.acme]\nelements = [\"stand-in-for sysprep\"]\n");
    let plan = plan_text(&granted, &all).unwrap();
    assert!(plan.element("sysprep").is_none());
    assert!(plan.to_text().contains("elements stand-in-for sysprep"), "{}", plan.to_text());
    assert!(plan_text(&granted.replace("stand-in-for", "require"), &all).is_err());
}
