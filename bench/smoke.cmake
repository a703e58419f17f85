# SPDX-License-Identifier: BSL-1.0
#
# cmake -DBENCH=… -DCASE=… -DDIR=… -P smoke.cmake: a scenario for a blink, and what it wrote.
cmake_minimum_required(VERSION 3.25)

set(tiny --rounds 1)
set(blink ${tiny} --seconds 0.02)
set(small ${blink} --residents 1000)

# Arguments, the names that rows must have, and the ratios.
set(hit_arguments hit ${small} --threads 1,2)
set(hit_rate_names "galaxy get" "galaxy find" "galaxy visit" "floor: unordered_flat_map"
    "floor: ready coroutine" "sharded LRU" "sharded LRU co_await")
set(hit_names ${hit_rate_names} "galaxy get_many")
set(hit_ratios "galaxy get / floor: ready coroutine, 1k residents, 1 thread"
    "galaxy get_many / galaxy get, 1k residents, 1 thread"
    "galaxy visit / floor: unordered_flat_map, 1k residents, 2 threads")

set(hit_one_arguments hit ${small} --zipf single --threads 2)
set(hit_one_names ${hit_names})
set(hit_one_ratios "galaxy get / floor: ready coroutine" "galaxy visit / floor: unordered_flat_map"
    "galaxy find / floor: unordered_flat_map" "galaxy get / sharded LRU co_await")

set(hit_rate_arguments hit ${small} --rate 50k --seconds 0.1)
set(hit_rate_fields latency_p99_ns)

set(allocations_arguments hit --count-allocations --residents 1000)
set(allocations_names "galaxy get" "galaxy find" "galaxy visit")
set(allocations_fields allocations operations)

set(miss_arguments miss ${small})
set(miss_names "galaxy get" "floor: miss by callbacks")
set(miss_ratios "galaxy get / floor: miss by callbacks"
    "galaxy get / floor: miss by callbacks, full")

set(absent_arguments absent ${small})
set(absent_names "galaxy get absent" "galaxy get present" "galaxy try_get absent"
    "galaxy try_get present")
set(absent_ratios "galaxy try_get absent / galaxy try_get present")

set(herd_arguments herd ${tiny} --callers 500)
set(herd_names "galaxy get" "floor: spawn and resume")
set(herd_fields ns_per_waiter_after_load)
set(herd_ratios "galaxy get / floor: spawn and resume")

set(memory_arguments memory ${tiny} --residents 20k)
set(memory_names "galaxy" "sharded LRU")
set(memory_fields overhead_bytes_per_entry)
set(memory_ratios "galaxy / sharded LRU (overhead_bytes_per_entry)")

set(churn_arguments memory ${tiny} --churn 0.2 --megabytes 16)
set(churn_names "galaxy churn")
set(churn_fields max_charged_bytes max_growth_bytes)
set(churn_ratios max_charged_over_budget max_growth_over_budget)

set(replay_arguments replay --trace ${DIR}/trace.txt --capacity 10)
set(replay_names "lru exact" "s3_fifo exact" "lru sampled, 1 thread" "lru sampled, 4 threads"
    "reference LRU")
set(replay_fields miss_ratio)
set(replay_ratios "lru exact / reference LRU (miss_ratio)")

set(promoter_arguments replay --promoter --trace ${DIR}/trace.txt --capacity 50)
set(promoter_names "promoter, sampled" "promoter, exact")
set(promoter_fields hits_hot)

set(peer_arguments peer ${small} --callers 16)
set(peer_names "galaxy http" "galaxy stream")
set(peer_fields latency_p99_ns latency_ns)
set(peer_ratios "galaxy stream / galaxy http")

set(many_arguments many ${small} --callers 16)
set(many_names "get_many, in memory" "gets at once, in memory" "a get a caller, in memory"
    "get_many, at a peer" "gets at once, at a peer" "a get a caller, at a peer")
set(many_fields latency_p99_ns)
set(many_ratios "get_many, in memory / gets at once, in memory"
    "get_many, at a peer / gets at once, at a peer")

set(neighbours_arguments neighbours ${small} --callers 16)
set(neighbours_names "alone" "beside 1 MB values" "beside a slow key")
set(neighbours_fields latency_p99_ns)
set(neighbours_ratios "beside 1 MB values / alone (latency_p99_ns)")

# Beside programs that not every machine has. A case whose programs are missing is left out.
set(serve_arguments serve ${blink} --callers 4 --value-size 5000)
set(serve_services wrk nginx)
set(serve_names "galaxy http" "nginx")
set(serve_fields requests_per_s latency_p99_ns)
set(serve_ratios "galaxy http / nginx (requests_per_s)")

set(peer_services_arguments ${peer_arguments})
set(peer_services_services memcached redis-server)
set(peer_services_names ${peer_names} "memcached" "redis" "redis pipelined")
set(peer_services_ratios "galaxy stream / memcached" "galaxy stream / redis")

set(memory_services_arguments ${memory_arguments})
set(memory_services_services memcached redis-server)
set(memory_services_names ${memory_names} "memcached" "redis")
set(memory_services_ratios "galaxy / memcached (overhead_bytes_per_entry)")

foreach(service IN LISTS ${CASE}_services)
    find_program(program_${service} ${service} PATHS /usr/sbin)
    if(NOT program_${service})
        message("Left out: ${CASE} wants ${service}, see tools/test --services")
        return()
    endif()
endforeach()

file(MAKE_DIRECTORY ${DIR})

# A wrong command line: one line that names the flag, and exit 2.
if(CASE STREQUAL "usage")
    foreach(wrong "hit;--residents;many" "hit;--no-such-flag" "herd;--residents;10" "replay;--trace"
            "hit;--zipf;-1" "no-such-scenario")
        execute_process(COMMAND ${BENCH} ${wrong}
            RESULT_VARIABLE code ERROR_VARIABLE said OUTPUT_QUIET)
        list(FILTER wrong INCLUDE REGEX "^--|no-such")
        if(NOT code EQUAL 2 OR NOT said MATCHES "^galaxy-bench: ${wrong}: [^\n]*\n$")
            message(FATAL_ERROR "${wrong}: exit ${code}, \"${said}\"")
        endif()
    endforeach()
    return()
endif()

# A trace in which LRU of ten has both hits and misses.
if(CASE MATCHES "replay|promoter")
    set(trace "")
    foreach(i RANGE 1 3000)
        math(EXPR key "(${i} * ${i} + 7 * ${i}) % 61 % 23")
        string(APPEND trace "key ${key}\n")
    endforeach()
    file(WRITE ${DIR}/trace.txt "${trace}")
endif()

set(file ${DIR}/${CASE}.json)
file(REMOVE ${file})
execute_process(COMMAND ${BENCH} ${${CASE}_arguments} --json ${file}
    RESULT_VARIABLE code OUTPUT_VARIABLE table ERROR_VARIABLE said)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "${CASE}: exit ${code}: ${table}${said}")
endif()
file(READ ${file} written)

list(GET ${CASE}_arguments 0 scenario)
string(JSON found GET "${written}" scenario)
if(NOT found STREQUAL scenario)
    message(FATAL_ERROR "the scenario is ${found}")
endif()
foreach(field cpu cores compiler boost build)
    string(JSON found GET "${written}" machine ${field})
    if(found STREQUAL "")
        message(FATAL_ERROR "nothing about the machine's ${field}")
    endif()
endforeach()
string(JSON found TYPE "${written}" parameters)

# Every row has its figures, and is in the table.
string(JSON count LENGTH "${written}" results)
math(EXPR last "${count} - 1")
set(fields ${${CASE}_fields})
if(NOT CASE STREQUAL "allocations")
    list(APPEND fields ns_per_op ops_per_s)
endif()
foreach(i RANGE ${last})
    string(JSON name GET "${written}" results ${i} name)
    list(APPEND names "${name}")
    string(JSON threads GET "${written}" results ${i} threads)
    foreach(field IN LISTS fields)
        string(JSON figure GET "${written}" results ${i} ${field})
        string(JSON type TYPE "${written}" results ${i} ${field})
        if(type STREQUAL "NUMBER" AND NOT field MATCHES "^(allocations|hits_hot)$"
                AND NOT figure GREATER 0)
            message(FATAL_ERROR "${name}: ${field} is ${figure}")
        endif()
    endforeach()
    if(NOT table MATCHES "\n  ${name} ")
        message(FATAL_ERROR "${name} is not in the table: ${table}")
    endif()
    if(CASE STREQUAL "replay")
        string(MAKE_C_IDENTIFIER "${name}" policy)
        string(JSON misses_of_${policy} GET "${written}" results ${i} miss_ratio)
    endif()
    if(CASE STREQUAL "allocations")
        string(JSON calls GET "${written}" results ${i} allocations)
        if(NOT calls EQUAL 0)
            message(FATAL_ERROR "${name}: ${calls} calls of the malloc family")
        endif()
    endif()
endforeach()
foreach(name IN LISTS ${CASE}_names)
    if(NOT name IN_LIST names)
        message(FATAL_ERROR "no row \"${name}\" among ${names}")
    endif()
endforeach()
foreach(ratio IN LISTS ${CASE}_ratios)
    string(JSON figure GET "${written}" ratios "${ratio}")
    if(NOT figure GREATER 0)
        message(FATAL_ERROR "the ratio \"${ratio}\" is ${figure}")
    endif()
endforeach()

# The exact order is the textbook's, to the request.
if(CASE STREQUAL "replay" AND NOT misses_of_lru_exact EQUAL misses_of_reference_LRU)
    message(FATAL_ERROR "lru exact misses ${misses_of_lru_exact}, not ${misses_of_reference_LRU}")
endif()
