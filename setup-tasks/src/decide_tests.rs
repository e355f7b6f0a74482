use proptest::prelude::*;

use super::*;
use crate::stamp::{RunId, Stamp};

const STAMPED: Timestamp = Timestamp(100);
const RUN: RunId = RunId { began: 1, pid: 2 };

fn stamp() -> Stamp {
    Stamp {
        time: STAMPED,
        contents: "same".to_owned(),
        source: Some(7),
        run: RUN,
        duration_us: 0,
        inputs: Vec::new(),
        changed_while_running: false,
        kept: Vec::new(),
    }
}

fn done() -> Entry {
    Entry::completed(stamp())
}

/// Returns the facts of a task with every feature, a stamp and no change.
fn settled(entry: &Entry) -> Facts<'_> {
    Facts {
        forced: false,
        completion: Fact::Absent,
        entry: Some(entry),
        newest: None,
        possible: None,
        hash: Fact::Known("same".to_owned()),
        source: Some(7),
        input_change: Fact::Known(None),
        missing_output: Fact::Known(None),
        differences: Fact::Known(Vec::new()),
        valid: Fact::Known(true),
        always: false,
    }
}

fn newest(time: u64) -> Newest {
    Newest { time: Timestamp(time), which: Cow::Borrowed("earlier") }
}

fn reason(facts: &Facts<'_>) -> Reason {
    match decide(facts) {
        Decision::Run(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn line_1_a_forced_task_runs_whatever_else_holds() {
    let entry = done();
    assert_eq!(reason(&Facts { forced: true, ..settled(&entry) }), Reason::Forced);
    let complete = Fact::Known(Completion::Complete);
    assert_eq!(reason(&Facts { forced: true, completion: complete, ..settled(&entry) }), Reason::Forced);
}

#[test]
fn line_2_an_incomplete_task_runs() {
    let entry = done();
    let facts = Facts { completion: Fact::Known(Completion::Incomplete), ..settled(&entry) };
    assert_eq!(reason(&facts), Reason::NotCompleted);
}

#[test]
fn line_2_a_task_complete_at_a_time_is_compared_with_the_newest() {
    let (entry, newer, older) = (done(), newest(51), newest(50));
    let at = || Facts { completion: Fact::Known(Completion::At(Timestamp(50))), ..settled(&entry) };
    assert_eq!(reason(&Facts { newest: Some(&newer), ..at() }), Reason::DependencyNewer { which: "earlier".into() });
    assert_eq!(decide(&Facts { newest: Some(&older), ..at() }), Decision::UpToDate(Some(Timestamp(50))));
}

#[test]
fn line_2_a_task_complete_without_a_time_ignores_newer_dependencies() {
    let (entry, newer) = (done(), newest(u64::MAX));
    let facts = Facts { completion: Fact::Known(Completion::Complete), newest: Some(&newer), ..settled(&entry) };
    assert_eq!(decide(&facts), Decision::UpToDate(None));
}

#[test]
fn line_2_a_completion_check_overrides_stamp_hash_source_and_invalidator() {
    let interrupted =
        Entry { attempt: Some(Box::new(Attempt::Running { since: STAMPED, run: RUN })), ..Entry::default() };
    let facts = Facts {
        completion: Fact::Known(Completion::Complete),
        hash: Fact::Known("other".to_owned()),
        source: Some(8),
        input_change: Fact::Known(Some("in".to_owned())),
        missing_output: Fact::Known(Some("out".to_owned())),
        differences: Fact::Known(vec![Difference::new("d", "is missing")]),
        valid: Fact::Known(false),
        ..settled(&interrupted)
    };
    assert_eq!(decide(&facts), Decision::UpToDate(Some(STAMPED)), "only later tasks are told of the attempt");
}

#[test]
fn line_2_a_task_complete_without_a_time_passes_on_the_time_of_its_last_change() {
    let changed = |changed: u64, attempt| {
        let entry = Entry { changed: Some(Timestamp(changed)), attempt, ..Entry::default() };
        decide(&Facts { completion: Fact::Known(Completion::Complete), ..settled(&entry) })
    };
    let failed = |time| Some(Box::new(Attempt::Failed { time: Timestamp(time), run: RUN, error: "e".to_owned() }));
    assert_eq!(changed(5, None), Decision::UpToDate(Some(Timestamp(5))));
    assert_eq!(changed(5, failed(7)), Decision::UpToDate(Some(Timestamp(7))));
    let entry = Entry { changed: Some(Timestamp(90)), ..Entry::default() };
    let at = Facts { completion: Fact::Known(Completion::At(Timestamp(50))), ..settled(&entry) };
    assert_eq!(decide(&at), Decision::UpToDate(Some(Timestamp(50))), "a time that the check gives is the task's");
}

#[test]
fn line_3_a_task_without_a_stamp_or_after_a_failure_or_interruption_runs() {
    let never = Entry::default();
    assert_eq!(reason(&settled(&never)), Reason::NeverRan);
    assert_eq!(reason(&Facts { entry: None, ..settled(&never) }), Reason::NeverRan);

    let failed = Attempt::Failed { time: STAMPED, run: RUN, error: "no disk".to_owned() };
    let failed = Entry { attempt: Some(Box::new(failed)), ..Entry::default() };
    assert_eq!(reason(&settled(&failed)), Reason::Failed { error: "no disk".to_owned() });

    let interrupted = Entry { attempt: Some(Box::new(Attempt::Running { since: STAMPED, run: RUN })), ..done() };
    assert_eq!(reason(&settled(&interrupted)), Reason::Interrupted);
}

#[test]
fn line_4_a_task_older_than_a_dependency_runs() {
    let (entry, newer, same) = (done(), newest(101), newest(100));
    let which = "earlier".into();
    assert_eq!(reason(&Facts { newest: Some(&newer), ..settled(&entry) }), Reason::DependencyNewer { which });
    assert_eq!(decide(&Facts { newest: Some(&same), ..settled(&entry) }), Decision::UpToDate(Some(STAMPED)));
}

#[test]
fn line_5_a_changed_hash_text_runs_the_task() {
    let entry = done();
    let facts = Facts { hash: Fact::Known("other".to_owned()), ..settled(&entry) };
    let (from, to) = ("same".to_owned(), "other".to_owned());
    assert_eq!(reason(&facts), Reason::HashChanged { from, to, during_last_run: false, texts: HashTexts::default() });
}

#[test]
fn line_6_a_changed_source_runs_the_task_unless_it_is_not_checked() {
    let entry = done();
    assert_eq!(reason(&Facts { source: Some(8), ..settled(&entry) }), Reason::SourceChanged);
    assert_eq!(decide(&Facts { source: None, ..settled(&entry) }), Decision::UpToDate(Some(STAMPED)));
    let by_hand = Entry::completed(Stamp { source: None, ..stamp() });
    assert_eq!(decide(&settled(&by_hand)), Decision::UpToDate(Some(STAMPED)));
}

#[test]
fn line_7_a_changed_input_or_a_missing_output_runs_the_task() {
    let entry = done();
    let facts = Facts { input_change: Fact::Known(Some("in".to_owned())), ..settled(&entry) };
    assert_eq!(reason(&facts), Reason::InputChanged { path: "in".to_owned(), during_last_run: false });
    let facts = Facts { missing_output: Fact::Known(Some("out".to_owned())), ..settled(&entry) };
    assert_eq!(reason(&facts), Reason::OutputMissing { path: "out".to_owned() });
}

#[test]
fn line_7_the_reason_mentions_a_change_during_the_last_run() {
    let entry = Entry::completed(Stamp { changed_while_running: true, ..stamp() });
    let facts = Facts { input_change: Fact::Known(Some("in".to_owned())), ..settled(&entry) };
    assert_eq!(reason(&facts).to_string(), "input in changed while it last ran");
    let facts = Facts { hash: Fact::Known("other".to_owned()), ..settled(&entry) };
    assert_eq!(reason(&facts).to_string(), "its hash changed while it last ran from same to other");
}

#[test]
fn line_8_a_state_that_differs_from_the_last_run_runs_the_task() {
    let entry = done();
    let what = vec![Difference::new("motd", "content differs"), Difference::new("key", "mode 0644").instead_of("0600")];
    let facts = Facts { differences: Fact::Known(what.clone()), valid: Fact::Known(false), ..settled(&entry) };
    assert_eq!(reason(&facts), Reason::Drifted { what });
    assert_eq!(reason(&facts).to_string(), "motd: content differs; key: mode 0644 instead of 0600");
    let facts = Facts { differences: Fact::Known(Vec::new()), ..settled(&entry) };
    assert_eq!(decide(&facts), Decision::UpToDate(Some(STAMPED)));
    let many = (0..5).map(|i| Difference::new(i.to_string(), "is missing")).collect();
    let shown = "0: is missing; 1: is missing; 2: is missing; and 2 more";
    assert_eq!(Reason::Drifted { what: many }.to_string(), shown);
}

#[test]
fn line_9_an_invalidator_that_returns_false_runs_the_task() {
    let entry = done();
    assert_eq!(reason(&Facts { valid: Fact::Known(false), ..settled(&entry) }), Reason::Invalidated);
}

#[test]
fn line_10_a_task_that_always_runs_has_that_reason_only_if_there_is_no_other() {
    let entry = done();
    let always = || Facts { always: true, ..settled(&entry) };
    assert_eq!(reason(&always()), Reason::Always);
    assert_eq!(reason(&Facts { valid: Fact::Known(false), ..always() }), Reason::Invalidated);
    let complete = Facts { completion: Fact::Known(Completion::At(STAMPED)), ..always() };
    assert_eq!(decide(&complete), Decision::UpToDate(Some(STAMPED)), "a completion check decides alone");
}

#[test]
fn line_11_otherwise_the_task_is_up_to_date_and_passes_its_time_on() {
    let entry = done();
    assert_eq!(decide(&settled(&entry)), Decision::UpToDate(Some(STAMPED)));
}

#[test]
fn line_11_a_task_whose_last_run_changed_nothing_passes_on_the_time_of_its_last_change() {
    let (entry, before, after) = (Entry::unchanged(stamp(), Timestamp(50)), newest(100), newest(101));
    assert_eq!(decide(&settled(&entry)), Decision::UpToDate(Some(Timestamp(50))));
    let facts = Facts { newest: Some(&before), ..settled(&entry) };
    assert_eq!(decide(&facts), Decision::UpToDate(Some(Timestamp(50))), "its own time of completion counts");
    let which = "earlier".into();
    assert_eq!(reason(&Facts { newest: Some(&after), ..settled(&entry) }), Reason::DependencyNewer { which });
}

#[test]
fn a_task_that_is_up_to_date_may_run_if_an_earlier_one_may_change_something() {
    let (entry, name, after) = (done(), Cow::Borrowed("perhaps"), newest(101));
    let behind = || Facts { possible: Some(&name), ..settled(&entry) };
    let reason_to_run = Reason::DependencyNewer { which: "perhaps".into() };
    let may_run = Decision::MayRun { reason: reason_to_run, last_change: Some(STAMPED) };
    assert_eq!(decide(&behind()), may_run);
    assert_eq!(decide(&Facts { completion: Fact::Known(Completion::At(STAMPED)), ..behind() }), may_run);
    // Every other reason is certain.
    assert_eq!(
        reason(&Facts { newest: Some(&after), ..behind() }),
        Reason::DependencyNewer { which: "earlier".into() }
    );
    assert_eq!(reason(&Facts { source: Some(8), ..behind() }), Reason::SourceChanged);
    assert_eq!(reason(&Facts { valid: Fact::Known(false), ..behind() }), Reason::Invalidated);
    assert_eq!(reason(&Facts { always: true, ..behind() }), Reason::Always);
    let complete = Facts { completion: Fact::Known(Completion::Complete), ..behind() };
    assert_eq!(decide(&complete), Decision::UpToDate(None), "its completion check decides alone");
}

#[test]
fn control_characters_of_a_hash_text_do_not_reach_the_terminal() {
    let (from, to) = ("\u{1b}[31mred".to_owned(), "two\nlines".to_owned());
    let text = Reason::HashChanged { from, to, during_last_run: false, texts: HashTexts::default() }.to_string();
    assert!(!text.chars().any(char::is_control) && text.ends_with("to two…"), "{text}");
}

#[test]
fn texts_that_differ_in_a_later_line_are_not_shown_in_the_reason() {
    let entry = Entry { stamp: Some(Stamp { contents: "a\nb".to_owned(), ..stamp() }), ..done() };
    let facts = Facts { hash: Fact::Known("a\nc".to_owned()), ..settled(&entry) };
    let reason = reason(&facts);
    assert_eq!(reason.to_string(), "its hash changed");
    assert_eq!(reason.diff().as_deref(), Some("@@ -1,2 +1,2 @@\n a\n-b\n+c\n"));
}

/// The complete facts of a task, whether or not the decision asks for them.
#[derive(Clone, Debug)]
#[expect(clippy::option_option, reason = "whether there are inputs, then whether one changed")]
struct World {
    forced: bool,
    completion: Option<Completion>,
    entry: Option<Entry>,
    newest: Option<Newest>,
    possible: Option<Cow<'static, str>>,
    hash: Option<String>,
    source: Option<u64>,
    inputs: Option<Option<String>>,
    outputs: Option<Option<String>>,
    differences: Option<Vec<Difference>>,
    valid: Option<bool>,
    always: bool,
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0u64..4).prop_map(Timestamp)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned())]
}

fn entry() -> impl Strategy<Value = Entry> {
    let stamp =
        (moment(), text(), prop::option::of(0u64..2), any::<bool>()).prop_map(|(time, contents, source, during)| {
            Stamp { time, contents, source, changed_while_running: during, ..stamp() }
        });
    let attempt = prop_oneof![
        moment().prop_map(|since| Attempt::Running { since, run: RUN }),
        moment().prop_map(|time| Attempt::Failed { time, run: RUN, error: "e".to_owned() }),
    ];
    (prop::option::of(stamp), prop::option::weighted(0.2, attempt), prop::option::of(moment()))
        .prop_map(|(stamp, attempt, changed)| Entry { stamp, attempt: attempt.map(Box::new), changed })
}

prop_compose! {
    fn world()(
        forced in prop::bool::weighted(0.1),
        completion in prop::option::weighted(0.3, prop_oneof![
            Just(Completion::Incomplete), Just(Completion::Complete), moment().prop_map(Completion::At),
        ]),
        entry in prop::option::of(entry()),
        newest in prop::option::of(moment().prop_map(|time| Newest { time, which: "n".into() })),
        possible in prop::option::weighted(0.3, Just(Cow::Borrowed("p"))),
        hash in prop::option::of(text()),
        source in prop::option::of(0u64..2),
        inputs in prop::option::of(prop::option::of(text())),
        outputs in prop::option::of(prop::option::of(text())),
        differences in prop::option::of(prop::collection::vec(text().prop_map(|text| Difference::new(text, "is missing")), 0..2)),
        valid in prop::option::of(any::<bool>()),
        always in prop::bool::weighted(0.3),
    ) -> World {
        World { forced, completion, entry, newest, possible, hash, source, inputs, outputs, differences, valid, always }
    }
}

/// A naive implementation of the table: a list of lines, of which the first that holds is the answer.
fn table(world: &World) -> Decision {
    use Reason as R;
    let newer = |time: Timestamp| world.newest.as_ref().filter(|newest| newest.time > time);
    let after = |time| newer(time).map(|newest| R::DependencyNewer { which: newest.which.clone() });
    let stamp = world.entry.as_ref().and_then(|entry| entry.stamp.as_ref());
    let attempt = world.entry.as_ref().and_then(|entry| entry.attempt.as_deref());
    let during_last_run = stamp.is_some_and(|stamp| stamp.changed_while_running);
    let otherwise = |time| match &world.possible {
        Some(which) => Decision::MayRun { reason: R::DependencyNewer { which: which.clone() }, last_change: time },
        None => Decision::UpToDate(time),
    };
    if world.forced {
        return Decision::Run(R::Forced);
    }
    if let Some(completion) = world.completion {
        return match completion {
            Completion::Incomplete => Decision::Run(R::NotCompleted),
            Completion::Complete => {
                let changed = world.entry.as_ref().and_then(|entry| entry.changed);
                let attempted = attempt.map(|attempt| match attempt {
                    Attempt::Running { since: time, .. } | Attempt::Failed { time, .. } => *time,
                });
                Decision::UpToDate(changed.max(attempted))
            }
            Completion::At(time) => after(time).map_or_else(|| otherwise(Some(time)), Decision::Run),
        };
    }
    let lines = [
        attempt.map(|attempt| match attempt {
            Attempt::Running { .. } => R::Interrupted,
            Attempt::Failed { error, .. } => R::Failed { error: error.clone() },
        }),
        stamp.is_none().then_some(R::NeverRan),
        stamp.and_then(|stamp| after(stamp.time)),
        world.hash.as_ref().filter(|hash| stamp.is_some_and(|stamp| stamp.contents != **hash)).map(|to| {
            R::HashChanged {
                from: stamp.map(|stamp| stamp.contents.clone()).unwrap_or_default(),
                to: to.clone(),
                during_last_run,
                texts: HashTexts::default(),
            }
        }),
        stamp.and_then(|stamp| stamp.source).zip(world.source).filter(|(a, b)| a != b).map(|_| R::SourceChanged),
        world.inputs.clone().flatten().map(|path| R::InputChanged { path, during_last_run }),
        world.outputs.clone().flatten().map(|path| R::OutputMissing { path }),
        world.differences.clone().filter(|what| !what.is_empty()).map(|what| R::Drifted { what }),
        (world.valid == Some(false)).then_some(R::Invalidated),
        world.always.then_some(R::Always),
    ];
    match lines.into_iter().flatten().next() {
        Some(reason) => Decision::Run(reason),
        None => {
            let changed = world.entry.as_ref().and_then(|entry| entry.changed);
            otherwise(changed.or(stamp.map(|stamp| stamp.time)))
        }
    }
}

/// Answers the questions of `decide` until it decides. Returns the decision and the questions.
fn ask_all(world: &World) -> (Decision, Vec<MissingFact>) {
    fn unasked<A>(fact: Option<&A>) -> Fact<A> {
        if fact.is_some() { Fact::Unasked } else { Fact::Absent }
    }
    let mut facts = Facts {
        forced: world.forced,
        completion: unasked(world.completion.as_ref()),
        entry: world.entry.as_ref(),
        newest: world.newest.as_ref(),
        possible: world.possible.as_ref(),
        hash: unasked(world.hash.as_ref()),
        source: world.source,
        input_change: unasked(world.inputs.as_ref()),
        missing_output: unasked(world.outputs.as_ref()),
        differences: unasked(world.differences.as_ref()),
        valid: unasked(world.valid.as_ref()),
        always: world.always,
    };
    let mut asked = Vec::new();
    loop {
        let question = match decide(&facts) {
            Decision::Ask(question) => question,
            decision => return (decision, asked),
        };
        asked.push(question);
        match question {
            MissingFact::Completion => facts.completion = Fact::Known(world.completion.unwrap()),
            MissingFact::Hash => facts.hash = Fact::Known(world.hash.clone().unwrap()),
            MissingFact::Inputs => facts.input_change = Fact::Known(world.inputs.clone().unwrap()),
            MissingFact::Outputs => facts.missing_output = Fact::Known(world.outputs.clone().unwrap()),
            MissingFact::Differences => facts.differences = Fact::Known(world.differences.clone().unwrap()),
            MissingFact::Invalidator => facts.valid = Fact::Known(world.valid.unwrap()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_decision_is_the_first_line_of_the_table_that_holds(world in world()) {
        prop_assert_eq!(ask_all(&world).0, table(&world));
    }

    #[test]
    fn facts_are_asked_once_in_the_order_of_the_table_and_only_as_far_as_needed(world in world()) {
        let (decision, asked) = ask_all(&world);
        let order = [
            MissingFact::Completion,
            MissingFact::Hash,
            MissingFact::Inputs,
            MissingFact::Outputs,
            MissingFact::Differences,
            MissingFact::Invalidator,
        ];
        let places: Vec<_> = asked.iter().map(|asked| order.iter().position(|question| question == asked).unwrap()).collect();
        prop_assert!(places.is_sorted_by(|a, b| a < b), "{:?}", asked);
        let last_needed = match decision {
            Decision::Run(Reason::Forced | Reason::NeverRan | Reason::Failed { .. } | Reason::Interrupted) => None,
            Decision::Run(Reason::HashChanged { .. } | Reason::SourceChanged) => Some(MissingFact::Hash),
            Decision::Run(Reason::InputChanged { .. }) => Some(MissingFact::Inputs),
            Decision::Run(Reason::OutputMissing { .. }) => Some(MissingFact::Outputs),
            Decision::Run(Reason::Drifted { .. }) => Some(MissingFact::Differences),
            _ => return Ok(()),
        };
        let allowed = last_needed.map_or(0, |last| 1 + order.iter().position(|question| *question == last).unwrap());
        prop_assert!(places.iter().all(|place| *place < allowed), "{:?} for {:?}", asked, decision);
    }
}
