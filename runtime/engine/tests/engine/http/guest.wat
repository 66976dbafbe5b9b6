;; Sends a request as often as told, waits for the last answer and reads all of it. Its output's value has 8 bytes:
;; what happened (0 answered, 1 not sent, 2 no answer, 3 the body broke off), a status or an error's number, 0, and
;; the body's length.
(module
  (import "pelton:handler/batch@0.1.0" "next" (func $next (param i32) (result i32)))
  (import "pelton:handler/batch@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]fields.from-list" (func $fields (param i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-method"
    (func $set-method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme"
    (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
    (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
    (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]request-options" (func $options (result i32)))
  (import "wasi:http/types@0.2.0" "[method]request-options.set-first-byte-timeout"
    (func $set-first (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]request-options.set-between-bytes-timeout"
    (func $set-between (param i32 i32 i64) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe"
    (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-response.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $upload (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-upload (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 256) "AUTHORITY")
  (data (i32.const 2048) "PATH")
  (data (i32.const 4096) "METHOD")
  ;; One output with a value of eight bytes.
  (data (i32.const 1024) "\01\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\01\00\00\00")
  (data (i32.const 1048) "\ff\ff\ff\ff\ff\ff\ff\ff\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1068) "\ff\ff\ff\ff\08\00\00\00\00\00\00\00")
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  ;; The value: what, number.
  (func $say (param i32 i32)
    (i32.store8 (i32.const 900) (local.get 0))
    (i32.store16 (i32.const 901) (local.get 1)))
  ;; Sends one request by a method's case; the future, or -1 where it was not sent.
  (func $send (param $method i32) (result i32) (local $request i32) (local $body i32) (local $with i32)
    ;; HEADERS stand at 8192.
    (call $fields (i32.const 8192) (i32.const HEADER-COUNT) (i32.const 600))
    (if (i32.load8_u (i32.const 600)) (then
      (call $say (i32.const 1) (i32.const 1000))
      (return (i32.const -1))))
    (local.set $request (call $request (i32.load (i32.const 604))))
    (if (i32.or
          (i32.or
            (call $set-method (local.get $request) (local.get $method) (i32.const 4096) (i32.const METHOD-LENGTH))
            (call $set-scheme (local.get $request) (i32.const 1) (i32.const SCHEME-CASE) (i32.const 0) (i32.const 0)))
          (i32.or
            (call $set-authority (local.get $request) (i32.const 1) (i32.const 256) (i32.const AUTHORITY-LENGTH))
            (call $set-path (local.get $request) (i32.const 1) (i32.const 2048) (i32.const PATH-LENGTH))))
      (then
        (call $say (i32.const 1) (i32.const 1001))
        (return (i32.const -1))))
    (if (i32.const UPLOAD) (then
      (call $body (local.get $request) (i32.const 600))
      (local.set $body (i32.load (i32.const 604)))))
    (local.set $with (call $options))
    (if (i32.const TIMEOUT-MILLIS) (then
      (drop (call $set-first (local.get $with) (i32.const 1) (i64.const TIMEOUT-MILLIS000000)))
      (drop (call $set-between (local.get $with) (i32.const 1) (i64.const TIMEOUT-MILLIS000000)))))
    (call $handle (local.get $request) (i32.const 1) (local.get $with) (i32.const 600))
    (if (i32.load8_u (i32.const 600)) (then
      (call $say (i32.const 1) (i32.load8_u (i32.const 608)))
      (return (i32.const -1))))
    (local.set $with (i32.load (i32.const 608)))
    (if (i32.const UPLOAD) (then (call $fill (local.get $body))))
    (local.get $with))
  ;; Writes a body of so many pieces of 4 KiB.
  (func $fill (param $body i32) (local $stream i32) (local $left i32)
    (call $write (local.get $body) (i32.const 600))
    (local.set $stream (i32.load (i32.const 604)))
    (local.set $left (i32.const UPLOAD))
    (loop $more
      (call $upload (local.get $stream) (i32.const 65536) (i32.const 4096) (i32.const 600))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $more (i32.and (i32.eqz (i32.load8_u (i32.const 600))) (i32.ne (local.get $left) (i32.const 0)))))
    (call $drop-upload (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 600)))
  ;; Waits for an answer and reads it.
  (func $receive (param $future i32) (local $answer i32) (local $length i32)
    (call $block (call $subscribe (local.get $future)))
    (call $get (local.get $future) (i32.const 600))
    (if (i32.load8_u (i32.const 616)) (then
      (call $say (i32.const 2) (i32.load8_u (i32.const 624)))
      (return)))
    (local.set $answer (i32.load (i32.const 624)))
    (call $say (i32.const 0) (call $status (local.get $answer)))
    (if (i32.const UNREAD) (then (return)))
    (call $consume (local.get $answer) (i32.const 600))
    (call $stream (i32.load (i32.const 604)) (i32.const 600))
    (local.set $answer (i32.load (i32.const 604)))
    (block $end (loop $more
      (global.set $free (i32.const 65536))
      (call $read (local.get $answer) (i64.const 65536) (i32.const 600))
      (br_if $end (i32.load8_u (i32.const 600)))
      (local.set $length (i32.add (local.get $length) (i32.load (i32.const 608))))
      (br $more)))
    (i32.store (i32.const 904) (local.get $length))
    (if (i32.eqz (i32.load8_u (i32.const 604))) (then (call $say (i32.const 3) (i32.const 0)))))
  (func (export "pelton:handler/packed-handler@0.1.0#handle") (param i32 i32 i32 i32)
    (local $left i32) (local $future i32)
    (global.set $free (i32.const 65536))
    (drop (call $next (i32.const 0)))
    (i64.store (i32.const 900) (i64.const 0))
    (if (i32.const UNAWAITED) (then (drop (call $send (i32.const 1)))))
    (local.set $left (i32.const TIMES))
    (loop $again
      (local.set $future (call $send (i32.const METHOD-CASE)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (if (i32.ge_s (local.get $future) (i32.const 0)) (then
      (call $receive (local.get $future))))
    (call $emit (i32.const 900) (i32.const 8) (i32.const 1024) (i32.const 14))))
