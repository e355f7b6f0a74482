use super::*;

fn names(places: &[TaskPosition<'static>]) -> Vec<&'static str> {
    let sorted = sort(places).unwrap();
    sorted[..places.len()].iter().map(|&i| places[usize::from(i)].name).collect()
}

fn place(name: &'static str) -> TaskPosition<'static> {
    TaskPosition::new(name)
}

#[test]
fn without_keys_the_order_is_that_of_declaration() {
    assert_eq!(names(&[place("b"), place("a"), place("c")]), ["b", "a", "c"]);
}

#[test]
fn more_tasks_than_the_capacity_are_refused() {
    let names: Vec<&'static str> = (0..=CAPACITY).map(|i| &*format!("t{i}").leak()).collect();
    let places: Vec<_> = names.iter().map(|name| place(name)).collect();
    assert!(sort(&places[..CAPACITY]).is_ok());
    assert_eq!(sort(&places).err(), Some(OrderError::TooMany { count: CAPACITY + 1 }));
}

#[test]
fn a_number_sets_the_position_and_later_tasks_count_on_from_it() {
    let far = TaskPosition { order: Some(1000), ..place("far") };
    assert_eq!(
        names(&[far, place("next"), TaskPosition { order: Some(5), ..place("first") }, place("last")]),
        ["first", "far", "next", "last"]
    );
}

#[test]
fn before_is_directly_ahead_and_after_directly_behind() {
    let list = [
        place("a"),
        place("b"),
        TaskPosition { before: &["b"], ..place("ahead") },
        TaskPosition { after: &["a"], ..place("behind") },
        place("c"),
    ];
    assert_eq!(names(&list), ["a", "behind", "ahead", "b", "c"]);
}

#[test]
fn ties_keep_the_order_of_declaration() {
    let list =
        [place("a"), TaskPosition { before: &["a"], ..place("x") }, TaskPosition { before: &["a"], ..place("y") }];
    assert_eq!(names(&list), ["x", "y", "a"]);
}

#[test]
fn a_task_may_stand_between_two_that_touch() {
    let list = [
        place("a"),
        TaskPosition { after: &["a"], ..place("b") },
        TaskPosition { after: &["a"], before: &["b"], ..place("between") },
    ];
    assert_eq!(names(&list), ["a", "between", "b"]);
}

#[test]
fn a_redundant_pair_of_before_and_after_is_not_a_cycle() {
    let list = [
        place("a"),
        TaskPosition { before: &["y"], ..place("x") },
        TaskPosition { after: &["x"], ..place("y") },
        place("z"),
    ];
    assert_eq!(names(&list), ["a", "x", "y", "z"]);
}

#[test]
fn more_tasks_before_one_than_fit_between_two_numbers_still_run_before_it() {
    let names_list: Vec<&'static str> = (0..150).map(|i| &*Box::leak(format!("t{i}").into_boxed_str())).collect();
    let mut list = vec![place("first"), place("last")];
    for (i, name) in names_list.iter().enumerate() {
        let target: &'static [&'static str] = Box::leak(vec![if i == 0 { "last" } else { names_list[i - 1] }].into());
        list.push(TaskPosition { before: target, ..place(name) });
    }
    let order = names(&list);
    let at = |name: &str| order.iter().position(|n| *n == name).unwrap();
    assert!((0..149).all(|i| at(names_list[i + 1]) < at(names_list[i])) && at("t0") < at("last"));
}

#[test]
fn a_reported_cycle_lists_each_task_before_the_next() {
    let list = [
        place("free"),
        TaskPosition { before: &["b"], ..place("a") },
        TaskPosition { before: &["c"], ..place("b") },
        TaskPosition { before: &["a"], ..place("c") },
        TaskPosition { after: &["c"], ..place("behind the cycle") },
    ];
    let Err(OrderError::Cycle { members, len }) = sort(&list) else { panic!("an order of a cycle") };
    assert_eq!(members[..len], [1, 2, 3]);
}

mod laws {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    /// Generates targets. Some are not names of the list, as if `skip` had removed them.
    fn targets() -> impl Strategy<Value = &'static [&'static str]> {
        let list = prop::collection::hash_set(prop::sample::select(&NAMES[..]), 1..3);
        prop_oneof![
            3 => Just(&[][..]),
            1 => list.prop_map(|names| &*Box::leak(names.into_iter().collect::<Vec<_>>().into_boxed_slice())),
        ]
    }

    fn places() -> impl Strategy<Value = Vec<TaskPosition<'static>>> {
        let keys = (prop::option::weighted(0.2, -200i64..900), targets(), targets());
        prop::collection::vec(keys, 0..NAMES.len()).prop_map(|list| {
            let place = |(i, (order, before, after)): (usize, (Option<i64>, _, _))| {
                let order = if before == [""; 0] && after == [""; 0] { order } else { None };
                TaskPosition { name: NAMES[i], order, before, after }
            };
            list.into_iter().enumerate().map(place).collect()
        })
    }

    /// Returns the pairs (earlier, later) that the keys require.
    fn constraints(places: &[TaskPosition<'static>]) -> HashSet<(&'static str, &'static str)> {
        let known: HashSet<_> = places.iter().map(|place| place.name).collect();
        let before = places.iter().flat_map(|place| place.before.iter().map(|target| (place.name, *target)));
        let after = places.iter().flat_map(|place| place.after.iter().map(|target| (*target, place.name)));
        before.chain(after).filter(|(a, b)| known.contains(a) && known.contains(b)).collect()
    }

    /// Sorts by a naive implementation of the documented order, with names and maps.
    fn reference(places: &[TaskPosition<'static>]) -> Option<Vec<&'static str>> {
        let known: HashSet<_> = places.iter().map(|place| place.name).collect();
        let (mut numbers, mut open, mut next) = (HashMap::new(), Vec::new(), 100);
        for place in places {
            if !place.before.is_empty() || !place.after.is_empty() {
                open.push((place, next - 50));
            } else if let Some(order) = place.order {
                numbers.insert(place.name, order);
                next = if order >= next { order + 100 } else { next };
            } else {
                numbers.insert(place.name, next);
                next += 100;
            }
        }
        while !open.is_empty() {
            let before_pass = open.len();
            open.retain(|(place, own)| {
                let targets = |list: &'static [&'static str]| list.iter().filter(|name| known.contains(*name));
                if targets(place.before).chain(targets(place.after)).any(|name| !numbers.contains_key(name)) {
                    return true;
                }
                let ahead = targets(place.before).map(|name| numbers[name] - 1).min();
                let behind = targets(place.after).map(|name| numbers[name] + 1).max();
                numbers.insert(place.name, ahead.or(behind).unwrap_or(*own));
                false
            });
            if open.len() == before_pass {
                let (place, own) = open.remove(0);
                numbers.insert(place.name, own);
            }
        }
        let constraints = constraints(places);
        let (mut left, mut order): (Vec<_>, Vec<&str>) = (places.iter().map(|place| place.name).collect(), Vec::new());
        while !left.is_empty() {
            let free = |name: &&&str| constraints.iter().all(|(a, b)| b != *name || order.contains(a));
            let best = *left.iter().filter(free).min_by_key(|name| numbers[**name])?;
            order.push(best);
            left.retain(|name| *name != best);
        }
        Some(order)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        #[test]
        fn the_const_sort_is_the_reference_sort(places in places()) {
            let sorted = sort(&places).ok().map(|_| names(&places));
            prop_assert_eq!(sorted, reference(&places));
        }

        #[test]
        fn an_order_is_total_and_keeps_every_constraint(places in places()) {
            let Ok(_) = sort(&places) else { return Ok(()) };
            let order = names(&places);
            let distinct: HashSet<_> = order.iter().collect();
            prop_assert!(order.len() == places.len() && distinct.len() == places.len());
            let at = |name: &str| order.iter().position(|other| *other == name);
            prop_assert!(constraints(&places).iter().all(|(a, b)| at(a) < at(b)), "{:?}", order);
        }

        #[test]
        fn a_reported_cycle_exists(places in places()) {
            let Err(OrderError::Cycle { members, len }) = sort(&places) else { return Ok(()) };
            let cycle: Vec<_> = members[..len].iter().map(|&i| places[usize::from(i)].name).collect();
            let constraints = constraints(&places);
            let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
            prop_assert!(steps.clone().all(|(a, b)| constraints.contains(&(*a, *b))), "{:?}", cycle);
            prop_assert!(cycle.iter().collect::<HashSet<_>>().len() == len && len > 0);
        }

        #[test]
        fn tasks_without_keys_stay_in_the_order_of_declaration(places in places()) {
            let Ok(_) = sort(&places) else { return Ok(()) };
            // A task that a constraint delays may move. All other tasks keep their order.
            if constraints(&places).is_empty() {
                let order = names(&places);
                let plain: Vec<_> = places.iter().filter(|place| !place.is_placed()).map(|place| place.name).collect();
                let kept: Vec<_> = order.into_iter().filter(|name| plain.contains(name)).collect();
                prop_assert_eq!(kept, plain);
            }
        }
    }
}
