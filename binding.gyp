# The addon's second build, for node-gyp; CMakeLists.txt is the primary one and
# explains the flags. Both read native/sources.json.
{
  'variables': {
    'libtorch%': '<!(node scripts/libtorch/main.mjs --print)',
    'libtorch_version%': '<!(node scripts/libtorch/main.mjs --print-version)',
    'gmiseg_version': '<!(node -p "require(\'./package.json\').version")',
    'sources_json%': 'native/sources.json',
  },
  'target_defaults': {
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': [
      '-std=c++20',
      '-fexceptions',
      '-frtti',
      '-fPIC',
      '-fvisibility=hidden',
      '-fvisibility-inlines-hidden',
      '-Wall',
      '-Wextra',
    ],
    'defines': [
      'GMISEG_VERSION="<(gmiseg_version)"',
      'GMISEG_TORCH_VERSION="<(libtorch_version)"',
    ],
  },
  'targets': [
    {
      'target_name': 'gmiseg_core',
      'type': 'static_library',
      'sources': ['<!@(node -p "require(require(\'path\').resolve(\'<(sources_json)\')).core.join(\' \')")'],
      'include_dirs': ['native/core'],
      'cflags_cc': [
        '-fopenmp',
        '-isystem', '<(libtorch)/include',
        '-isystem', '<(libtorch)/include/torch/csrc/api/include',
      ],
    },
    {
      'target_name': 'gmiseg',
      'dependencies': ['gmiseg_core'],
      'sources': ['<!@(node -p "require(require(\'path\').resolve(\'<(sources_json)\')).binding.join(\' \')")'],
      'include_dirs': ['native/core', 'native/binding'],
      'cflags_cc': [
        '-isystem', '<!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")',
        '-isystem', '<(libtorch)/include',
        '-isystem', '<(libtorch)/include/torch/csrc/api/include',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        'NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED',
      ],
      'libraries': [
        '-L<(libtorch)/lib',
        '-Wl,--no-as-needed', '-ltorch', '-ltorch_cpu', '-lc10', '-Wl,--as-needed', '-l:libgomp.so.1',
      ],
      'ldflags': [
        '-Wl,-rpath,<(libtorch)/lib',
        '-Wl,-z,nodelete',
        '-Wl,--exclude-libs,ALL',
      ],
    },
  ],
}
