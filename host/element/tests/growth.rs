//! A trial of the rules of growth (`docs/contract.md`) with the engine that links components: a host
//! of 0.1.1, whose interface has a function more, links what was made for 0.1.0.

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// A component that imports one function of an interface and calls it.
fn component(version: &str, function: &str) -> String {
    format!(
        r#"(component
            (import "dib:element/trial@{version}" (instance $trial (export "{function}" (func (result u32)))))
            (core func $lowered (canon lower (func $trial "{function}")))
            (core module $m
                (import "trial" "call" (func $call (result i32)))
                (func (export "run") (result i32) (call $call)))
            (core instance $i (instantiate $m
                (with "trial" (instance (export "call" (func $lowered))))))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    )
}

/// What a component answers on a host of 0.1.1, with its old function and a new one.
fn on_newer_host(text: &str) -> wasmtime::Result<u32> {
    let engine = Engine::new(Config::new().wasm_component_model(true))?;
    let mut linker = Linker::<()>::new(&engine);
    let mut trial = linker.instance("dib:element/trial@0.1.1")?;
    trial.func_wrap("old", |_, (): ()| Ok((1_u32,)))?;
    trial.func_wrap("new", |_, (): ()| Ok((2_u32,)))?;
    let component = Component::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
    Ok(run.call(&mut store, ())?.0)
}

#[test]
fn a_newer_host_runs_what_was_made_before_and_an_older_function_stays() {
    assert_eq!(on_newer_host(&component("0.1.0", "old")).unwrap(), 1);
    assert_eq!(on_newer_host(&component("0.1.1", "new")).unwrap(), 2);
}

#[test]
fn another_minor_version_is_another_contract() {
    let error = on_newer_host(&component("0.2.0", "old")).unwrap_err();
    assert!(format!("{error:#}").contains("dib:element/trial@0.2.0"), "{error:#}");
}
