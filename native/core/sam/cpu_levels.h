// One build runs on every x86-64: functions marked so are compiled for each level and chosen at load time.
// What they call has to be inlined into them.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GMISEG_FOR_EACH_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GMISEG_FOR_EACH_LEVEL
#endif
