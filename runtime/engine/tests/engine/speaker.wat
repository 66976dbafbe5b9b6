;; A packed handler that writes a line to WASI's standard error, as a panic of Rust's std does, and traps.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io_error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (alias outer 1 $io_error (type $outer))
    (export "error" (type $e (eq $outer)))
    (type $variant (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream_error (eq $variant)))
    (type $result (result (error $stream_error)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result $result)))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $s (eq $outer)))
    (export "get-stderr" (func (result (own $s))))))
  (core module $memory_module
    (memory (export "memory") 2)
    (data (i32.const 16) "hello from WASI\n")
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory_module))
  (core func $get (canon lower (func $stderr "get-stderr")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory "memory")))
  (core module $module
    (import "host" "get" (func $get (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "handle") (param i32 i32 i32 i32)
      (call $write (call $get) (i32.const 16) (i32.const 16) (i32.const 512))
      (unreachable)))
  (core instance $core (instantiate $module (with "host" (instance
    (export "get" (func $get))
    (export "write" (func $write))))))
  (func $handle (param "arena" (list u8)) (param "index" (list u32))
    (canon lift (core func $core "handle") (memory $memory "memory") (realloc (func $memory "realloc"))))
  (instance $handler (export "handle" (func $handle)))
  (export "pelton:handler/packed-handler@0.1.0" (instance $handler)))
