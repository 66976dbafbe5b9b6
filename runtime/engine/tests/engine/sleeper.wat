;; A packed handler that waits for an hour, by WASI's clock.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $module
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "handle") (param i32 i32 i32 i32)
      (call $block (call $subscribe (i64.const 3600000000000)))))
  (core instance $core (instantiate $module (with "host" (instance
    (export "subscribe" (func $subscribe))
    (export "block" (func $block))))))
  (func $handle (param "arena" (list u8)) (param "index" (list u32))
    (canon lift (core func $core "handle") (memory $core "memory") (realloc (func $core "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "pelton:handler/packed-handler@0.1.0" (instance $handler)))
