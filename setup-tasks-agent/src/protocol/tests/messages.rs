//! Messages of every kind with random content.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_bytes::ByteBuf;

use crate::protocol::*;

fn bytes() -> impl Strategy<Value = ByteBuf> {
    vec(any::<u8>(), 0..300).prop_map(ByteBuf::from)
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,40}"
}

fn call_id() -> impl Strategy<Value = CallId> {
    any::<u32>().prop_map(CallId)
}

fn resource_ids() -> impl Strategy<Value = Vec<ResourceId>> {
    vec(any::<u32>().prop_map(ResourceId), 0..5)
}

fn difference() -> impl Strategy<Value = Difference> {
    (text(), text(), option::of(text()), option::of((option::of(text()), option::of(text()))), any::<bool>()).prop_map(
        |(what, is, should_be, texts, secret)| Difference {
            what,
            is,
            should_be,
            texts: texts.map(|(old, new)| Texts { old, new }),
            secret,
        },
    )
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![any::<i32>().prop_map(Exit::Code), any::<i32>().prop_map(Exit::Signal)]
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        (option::of(any::<i32>()), text()).prop_map(|(code, message)| Cause::System { code, message }),
        (text(), exit(), text()).prop_map(|(program, exit, output)| Cause::Program { program, exit, output }),
        text().prop_map(|program| Cause::NoProgram { program }),
        text().prop_map(Cause::Refused),
        vec(difference(), 0..3).prop_map(Cause::StillDiffers),
        text().prop_map(Cause::Locked),
        Just(Cause::Cancelled),
        any::<u64>().prop_map(Cause::TimedOut),
        text().prop_map(Cause::UnknownResource),
        text().prop_map(Cause::Panicked),
        text().prop_map(Cause::TakenBack),
        text().prop_map(Cause::Protocol),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    (option::of(text()), text(), cause()).prop_map(|(resource, tried, cause)| Failure { resource, tried, cause })
}

fn target() -> impl Strategy<Value = FileTarget> {
    (option::of(bytes()), bytes()).prop_map(|(root, path)| FileTarget { root, path })
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn apply() -> impl Strategy<Value = Apply> {
    let guard = option::of((text(), any::<u32>()).prop_map(|(id, seconds)| Guard { id, seconds }));
    (resource_ids(), select(vec![Change::Apply, Change::Undo]), resource_ids(), guard)
        .prop_map(|(resources, change, then_observe, guard)| Apply { resources, change, then_observe, guard })
}

fn command() -> impl Strategy<Value = CommandSpec> {
    let input = select(vec![CommandInput::Empty, CommandInput::Data]);
    let settings = (any::<bool>(), option::of(bytes()), input, option::of(any::<u64>()), any::<u64>());
    (bytes(), vec(bytes(), 0..3), vec((bytes(), bytes()), 0..3), settings).prop_map(
        |(program, args, env, (clear_env, directory, input, timeout, grace))| CommandSpec {
            program,
            args,
            env,
            clear_env,
            directory,
            input,
            timeout,
            grace,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let ownership = || (option::of(any::<u32>()), option::of(text()), option::of(text()));
    prop_oneof![
        resource_ids().prop_map(|resources| Call::Observe { resources }),
        apply().prop_map(Call::Apply),
        text().prop_map(|guard| Call::Confirm { guard }),
        command().prop_map(Call::Run),
        (hash(), any::<u64>()).prop_map(|(hash, size)| Call::PutBlob { hash, size }),
        (target(), hash(), any::<u64>(), ownership()).prop_map(|(target, hash, size, (mode, owner, group))| {
            Call::Put(PutFile { target, hash, size, mode, owner, group })
        }),
        target().prop_map(Call::Get),
        (target(), any::<bool>()).prop_map(|(target, hash)| Call::Stat { target, hash }),
        target().prop_map(Call::List),
        target().prop_map(Call::Remove),
        (target(), ownership()).prop_map(|(target, (mode, owner, group))| Call::MakeDirectory {
            target,
            mode,
            owner,
            group
        }),
        (target(), bytes()).prop_map(|(target, to)| Call::Symlink { target, to }),
    ]
}

fn stat() -> impl Strategy<Value = FileStat> {
    let kind = prop_oneof![
        Just(FileKind::File),
        Just(FileKind::Directory),
        bytes().prop_map(FileKind::Symlink),
        Just(FileKind::Other)
    ];
    let numbers = any::<(u32, u32, u32, u64, i64)>();
    (kind, numbers, (text(), text()), option::of(hash())).prop_map(
        |(kind, (mode, uid, gid, size, modified), (owner, group), hash)| FileStat {
            kind,
            mode,
            uid,
            gid,
            owner,
            group,
            size,
            modified,
            hash,
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let end = select(vec![End::Own, End::Cancelled, End::TimedOut]);
    prop_oneof![
        Just(Answer::Done),
        any::<bool>().prop_map(Answer::Changed),
        (exit(), end).prop_map(|(exit, end)| Answer::Ended(Ended { exit, end })),
        option::of(stat()).prop_map(Answer::Stat),
        vec(bytes(), 0..3).prop_map(Answer::Names),
        failure().prop_map(Answer::Failed),
    ]
}

pub(crate) fn to_agent() -> impl Strategy<Value = ToAgent> {
    let declared = (any::<u32>(), text(), bytes())
        .prop_map(|(id, kind, fields)| Declared { id: ResourceId(id), resource: ResourceData { kind, fields } });
    prop_oneof![
        (text(), any::<u32>(), any::<u32>()).prop_map(|(controller, heartbeat, lock_wait)| {
            ToAgent::Begin(Begin { controller, heartbeat, lock_wait })
        }),
        any::<u64>().prop_map(ToAgent::Ping),
        vec(declared, 0..4).prop_map(ToAgent::Declare),
        (call_id(), call()).prop_map(|(id, call)| ToAgent::Call { id, call }),
        (call_id(), bytes()).prop_map(|(id, bytes)| ToAgent::Data { id, bytes }),
        call_id().prop_map(|id| ToAgent::End { id }),
        (call_id(), any::<u32>()).prop_map(|(id, bytes)| ToAgent::Credit { id, bytes }),
        call_id().prop_map(|id| ToAgent::Cancel { id }),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let manager = select(vec![PackageManager::Apt, PackageManager::Dnf, PackageManager::Apk, PackageManager::Pacman]);
    let texts = (text(), vec(text(), 0..3), text(), text(), text(), text(), text(), text(), text());
    let rest = (option::of(manager), select(vec![Init::Systemd, Init::Other]), any::<(u32, u64, u32, u32)>());
    (texts, rest).prop_map(|(texts, (package_manager, init, (uid, memory, cpus, pid)))| {
        let (os, os_like, os_version, os_codename, architecture, kernel, kernel_release, hostname, user) = texts;
        Facts {
            os,
            os_like,
            os_version,
            os_codename,
            architecture,
            kernel,
            kernel_release,
            hostname,
            package_manager,
            init,
            uid,
            memory,
            cpus,
            boot_id: user.chars().rev().collect(),
            user,
            pid,
        }
    })
}

pub(super) fn to_controller() -> impl Strategy<Value = ToController> {
    let names = || (call_id(), any::<u32>().prop_map(ResourceId));
    let observation = prop_oneof![vec(difference(), 0..3).prop_map(Ok), failure().prop_map(Err)];
    let outcome = prop_oneof![
        Just(Ok(Outcome::Unchanged)),
        vec(difference(), 0..3).prop_map(|differences| Ok(Outcome::Changed(differences))),
        Just(Ok(Outcome::Done)),
        failure().prop_map(Err),
    ];
    let stream = select(vec![Stream::Output, Stream::Error]);
    prop_oneof![
        facts().prop_map(|facts| ToController::Facts(Box::new(facts))),
        any::<u64>().prop_map(ToController::Pong),
        (names(), observation).prop_map(|((id, resource), observation)| ToController::Observed {
            id,
            resource,
            observation
        }),
        (names(), outcome).prop_map(|((id, resource), outcome)| ToController::Applied { id, resource, outcome }),
        (call_id(), text()).prop_map(|(id, holder)| ToController::Waiting { id, holder }),
        (call_id(), stream, bytes()).prop_map(|(id, stream, bytes)| ToController::Output { id, stream, bytes }),
        (call_id(), bytes()).prop_map(|(id, bytes)| ToController::Data { id, bytes }),
        (call_id(), any::<u32>()).prop_map(|(id, bytes)| ToController::Credit { id, bytes }),
        (call_id(), answer()).prop_map(|(id, answer)| ToController::Answer { id, answer }),
        text().prop_map(ToController::Bye),
    ]
}
