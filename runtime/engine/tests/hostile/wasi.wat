;; A packed handler with a hand full of WASI. What is between the marks is left out where it isn't used.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  ;; HTTP
  (import "wasi:http/types@0.2.0" (instance $types
    (export "fields" (type $f (sub resource)))
    (type $e (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $error (eq $e)))
    (export "[constructor]fields" (func (result (own $f))))
    (export "[method]fields.append" (func (param "self" (borrow $f)) (param "name" string)
      (param "value" (list u8)) (result (result (error $error)))))))
  ;; END
  (core module $memory_module
    (memory (export "memory") 2)
    (data (i32.const 1024) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory_module))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $poll_list (canon lower (func $poll "poll")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $drop (canon resource.drop $pollable))
  ;; HTTP
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $append (canon lower (func $types "[method]fields.append")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  ;; END
  (core module $module
    (import "host" "memory" (memory 2))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    ;; HTTP
    (import "host" "fields" (func $fields (result i32)))
    (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    ;; END
    (func (export "handle") (param i32 i32 i32 i32) (local $i i32) (local $f i32)
      BODY))
  (core instance $core (instantiate $module (with "host" (instance
    (export "memory" (memory $memory "memory"))
    (export "subscribe" (func $subscribe))
    (export "poll" (func $poll_list))
    (export "drop" (func $drop))
    ;; HTTP
    (export "fields" (func $fields))
    (export "append" (func $append))
    ;; END
  ))))
  (func $handle (param "arena" (list u8)) (param "index" (list u32))
    (canon lift (core func $core "handle") (memory $memory "memory") (realloc (func $memory "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "pelton:handler/packed-handler@0.1.0" (instance $handler)))
