// npm run demo [-- --data DIR --seconds N]: the command `gmiseg demo` of this checkout.
process.argv.splice(2, 0, 'demo');
await import(new URL('../dist/cli/main.js', import.meta.url).href);
