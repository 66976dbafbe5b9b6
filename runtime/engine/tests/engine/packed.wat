;; A packed handler whose behaviour is the first byte of each message's value. It takes batches of one
;; topic, without headers.
(module
  (import "pelton:handler/batch@0.1.0" "next" (func $next_message (param i32) (result i32)))
  (import "pelton:handler/batch@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "pelton:handler/settings@0.1.0" "get" (func $setting (param i32 i32 i32)))
  (memory (export "memory") 32)
  (data (i32.const 16) "setup")
  (data (i32.const 32) "no answer is right")
  (global $next (mut i32) (i32.const 1048576))
  ;; Where the next word of the answer goes.
  (global $word (mut i32) (i32.const 0))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func $loop_for_ever (loop $again (br $again)))

  ;; The setting `setup` is an error to be returned, unless it says to trap or to loop.
  (func (export "pelton:handler/lifecycle@0.1.0#setup") (result i32)
    (local $first i32)
    (call $setting (i32.const 16) (i32.const 5) (i32.const 512))
    (if (i32.load8_u (i32.const 512))
      (then
        (local.set $first (i32.load8_u (i32.load (i32.const 516))))
        (if (i32.eq (local.get $first) (i32.const 116 (;t;))) (then (unreachable)))
        (if (i32.eq (local.get $first) (i32.const 108 (;l;))) (then (call $loop_for_ever)))))
    (i32.const 512))

  (func $put (param $word i32)
    (i32.store (global.get $word) (local.get $word))
    (global.set $word (i32.add (global.get $word) (i32.const 4))))

  (func $put_output (param $topic i32)
    (call $put (local.get $topic)) (call $put (i32.const -1))
    (call $put (i32.const 0)) (call $put (i32.const 0)) (call $put (i32.const 0))
    (call $put (i32.const -2)) (call $put (i32.const -2)) (call $put (i32.const -2)))

  (func $done (param $outputs i32) (param $topic i32)
    (call $put (i32.const 0))
    (call $put (local.get $outputs))
    (loop $again
      (if (i32.eqz (local.get $outputs)) (then (return)))
      (call $put_output (local.get $topic))
      (local.set $outputs (i32.sub (local.get $outputs) (i32.const 1)))
      (br $again)))

  (func $send
    (call $emit
      (i32.const 32) (i32.const 0) (i32.const 65536)
      (i32.shr_u (i32.sub (global.get $word) (i32.const 65536)) (i32.const 2))))

  ;; The answer's index stands at 65536.
  (func $handle (export "pelton:handler/packed-handler@0.1.0#handle")
    (param $arena i32) (param $arena_length i32) (param $index i32) (param $index_length i32)
    (local $count i32) (local $i i32) (local $message i32) (local $value i32) (local $do i32) (local $stop i32)
    (global.set $next (i32.const 1048576))
    (global.set $word (i32.const 65536))
    (local.set $count (i32.load offset=12 (local.get $index)))
    (local.set $message (i32.add (local.get $index) (i32.const 20)))
    (local.set $value (i32.add (local.get $arena) (i32.load offset=16 (local.get $index))))
    (call $put (i32.const 1)) (call $put (i32.const 0)) (call $put (i32.const 0)) (call $put (i32.const 0))
    (block $end
      (loop $again
        (br_if $end (i32.eq (local.get $i) (local.get $count)))
        ;; Messages have keys.
        (local.set $value (i32.add (local.get $value) (i32.load offset=32 (local.get $message))))
        (local.set $do (i32.load8_u (local.get $value)))
        (if (i32.eq (local.get $do) (i32.const 113 (;q;))) (then (br $end)))
        (if (i32.eq (local.get $do) (i32.const 107 (;k;))) (then (call $put (i32.const 4))) (else
        (if (i32.eq (local.get $do) (i32.const 117 (;u;))) (then (call $done (i32.const 0) (i32.const 0))) (else
        (if (i32.eqz (call $next_message (local.get $i))) (then (br $end)))
        (if (i32.eq (local.get $do) (i32.const 101 (;e;))) (then (call $done (i32.const 1) (i32.const -1))))
        (if (i32.eq (local.get $do) (i32.const 102 (;f;))) (then (call $done (i32.const 0) (i32.const 0))))
        (if (i32.eq (local.get $do) (i32.const 99 (;c;))) (then (call $done (i32.const 100) (i32.const -1))))
        (if (i32.eq (local.get $do) (i32.const 112 (;p;))) (then (call $done (i32.const 1) (i32.const 7))))
        (if (i32.eq (local.get $do) (i32.const 118 (;v;))) (then (call $put (i32.const 99))))
        (if (i32.eq (local.get $do) (i32.const 120 (;x;))) (then (i32.store (i32.const 65536) (i32.const 9)) (call $done (i32.const 0) (i32.const 0))))
        (if (i32.eq (local.get $do) (i32.const 121 (;y;))) (then (call $send) (call $done (i32.const 0) (i32.const 0))))
        (if (i32.eq (local.get $do) (i32.const 122 (;z;))) (then (return)))
        (if (i32.eq (local.get $do) (i32.const 98 (;b;))) (then (drop (call $next_message (i32.const 0))) (call $done (i32.const 0) (i32.const 0))))
        (if (i32.eq (local.get $do) (i32.const 114 (;r;)))
          (then (call $put (i32.const 1)) (call $put (i32.const 250)) (call $put (i32.const 0)) (local.set $stop (i32.const 1))))
        (if (i32.eq (local.get $do) (i32.const 116 (;t;))) (then (unreachable)))
        (if (i32.eq (local.get $do) (i32.const 108 (;l;))) (then (call $loop_for_ever)))
        (if (i32.eq (local.get $do) (i32.const 109 (;m;)))
          (then (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)))
        ))))
        (i32.store (i32.const 65548) (i32.add (i32.load (i32.const 65548)) (i32.const 1)))
        (br_if $end (local.get $stop))
        (local.set $value (i32.add (local.get $value) (i32.load offset=36 (local.get $message))))
        (local.set $message (i32.add (local.get $message) (i32.const 44)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (call $send)))
