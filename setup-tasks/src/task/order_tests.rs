use super::*;

fn names(places: &[Place]) -> Vec<&'static str> {
    let sorted = sort(places).unwrap();
    sorted[..places.len()].iter().map(|&i| places[usize::from(i)].name).collect()
}

fn place(name: &'static str) -> Place {
    Place::new(name)
}

#[test]
fn without_keys_the_order_is_that_of_declaration() {
    assert_eq!(names(&[place("b"), place("a"), place("c")]), ["b", "a", "c"]);
}

#[test]
fn a_number_sets_the_place_and_what_follows_goes_behind_it() {
    let far = Place { order: Some(1000), ..place("far") };
    assert_eq!(
        names(&[far, place("next"), Place { order: Some(5), ..place("first") }, place("last")]),
        ["first", "far", "next", "last"]
    );
}

#[test]
fn before_is_directly_ahead_and_after_directly_behind() {
    let list = [
        place("a"),
        place("b"),
        Place { before: &["b"], ..place("ahead") },
        Place { after: &["a"], ..place("behind") },
        place("c"),
    ];
    assert_eq!(names(&list), ["a", "behind", "ahead", "b", "c"]);
}

#[test]
fn ties_keep_the_order_of_declaration() {
    let list = [place("a"), Place { before: &["a"], ..place("x") }, Place { before: &["a"], ..place("y") }];
    assert_eq!(names(&list), ["x", "y", "a"]);
}

#[test]
fn a_task_may_stand_between_two_that_touch() {
    let list = [
        place("a"),
        Place { after: &["a"], ..place("b") },
        Place { after: &["a"], before: &["b"], ..place("between") },
    ];
    assert_eq!(names(&list), ["a", "between", "b"]);
}

#[test]
fn a_pair_that_says_the_same_thing_twice_is_no_cycle() {
    let list = [place("a"), Place { before: &["y"], ..place("x") }, Place { after: &["x"], ..place("y") }, place("z")];
    assert_eq!(names(&list), ["a", "x", "y", "z"]);
}

#[test]
fn more_tasks_before_one_than_fit_between_two_numbers_still_run_before_it() {
    let names_list: Vec<&'static str> = (0..150).map(|i| &*Box::leak(format!("t{i}").into_boxed_str())).collect();
    let mut list = vec![place("first"), place("last")];
    for (i, name) in names_list.iter().enumerate() {
        let target: &'static [&'static str] = Box::leak(vec![if i == 0 { "last" } else { names_list[i - 1] }].into());
        list.push(Place { before: target, ..place(name) });
    }
    let order = names(&list);
    let at = |name: &str| order.iter().position(|n| *n == name).unwrap();
    assert!((0..149).all(|i| at(names_list[i + 1]) < at(names_list[i])) && at("t0") < at("last"));
}

#[test]
fn a_cycle_is_found_and_reads_runs_before() {
    let list = [
        place("free"),
        Place { before: &["b"], ..place("a") },
        Place { before: &["c"], ..place("b") },
        Place { before: &["a"], ..place("c") },
        Place { after: &["c"], ..place("behind the cycle") },
    ];
    let OrderError::Cycle { members, len } = sort(&list).unwrap_err();
    assert_eq!(members[..len], [1, 2, 3]);
}
