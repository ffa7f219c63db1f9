// Who may import whom inside services and where each driver may live (docs/architecture.md has the table).
const inside = (folder) => `^services/[^/]+/src/${folder}/`;
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      from: { path: inside('domain'), pathNot: '\\.spec\\.ts$' },
      to: {
        path: [
          '^services/[^/]+/src/(ports|steps|adapters|transport)/',
          '(^|/)node_modules/(@nestjs|lmdb|kafkajs|mongodb|@grpc|onnxruntime|fastify)',
          '^libs/(config|telemetry|service-host|event-log|document-store|testing)/',
        ],
      },
    },
    {
      name: 'domain-without-node',
      severity: 'error',
      from: { path: inside('domain'), pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'ports-know-domain-only',
      severity: 'error',
      from: { path: inside('ports') },
      to: { path: '^services/[^/]+/src/(steps|adapters|transport)/' },
    },
    {
      name: 'steps-know-no-adapters',
      severity: 'error',
      from: { path: inside('steps'), pathNot: '\\.spec\\.ts$' },
      to: {
        path: [
          '^services/[^/]+/src/(adapters|transport)/',
          '(^|/)node_modules/(@nestjs|lmdb|kafkajs|mongodb|@grpc|onnxruntime)',
        ],
      },
    },
    {
      name: 'pipelines-know-no-adapters',
      severity: 'error',
      from: { path: '\\.pipeline\\.ts$' },
      to: { path: ['^services/[^/]+/src/(adapters|transport)/', '(^|/)node_modules/@nestjs'] },
    },
    {
      name: 'adapters-know-no-transport',
      severity: 'error',
      from: { path: inside('adapters'), pathNot: '\\.spec\\.ts$' },
      to: { path: inside('transport') },
    },
    {
      name: 'transport-knows-no-adapters',
      severity: 'error',
      from: { path: inside('transport'), pathNot: '\\.spec\\.ts$' },
      to: { path: inside('adapters') },
    },
    {
      name: 'services-do-not-know-each-other',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '^services/platform/' },
      to: { path: '^services/([^/]+)/', pathNot: '^services/$1/' },
    },
    {
      name: 'libraries-through-their-door',
      severity: 'error',
      from: { path: '^(services|tools|libs)/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/$2/'] },
    },
    {
      name: 'lmdb-in-two-places',
      severity: 'error',
      from: { pathNot: ['^libs/(event-log|document-store)/', '^bench/'] },
      to: { path: '(^|/)node_modules/lmdb/' },
    },
    {
      name: 'kafkajs-in-one-place',
      severity: 'error',
      from: { pathNot: ['^libs/event-log/', '^libs/local-engines/', '^bench/', '^infra/'] },
      to: { path: '(^|/)node_modules/kafkajs/' },
    },
    {
      name: 'mongodb-in-one-place',
      severity: 'error',
      from: { pathNot: ['^libs/document-store/', '^libs/local-engines/', '^bench/', '^infra/'] },
      to: { path: '(^|/)node_modules/mongodb/' },
    },
    {
      name: 'grpc-in-one-place',
      severity: 'error',
      from: { pathNot: ['^libs/(service-host|contracts)/', '^e2e/', '^bench/', '\\.spec\\.ts$'] },
      to: { path: '(^|/)node_modules/@grpc/' },
    },
    {
      name: 'onnxruntime-in-one-place',
      severity: 'error',
      from: { pathNot: ['^services/model-serving/src/adapters/', '^bench/', '\\.spec\\.ts$'] },
      to: { path: '(^|/)node_modules/onnxruntime-node/' },
    },
    {
      name: 'kernel-knows-nothing',
      severity: 'error',
      from: { path: '^libs/kernel/' },
      to: { path: '^libs/(?!kernel/)' },
    },
    {
      name: 'nothing-undeclared',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^(libs|services|tools)/[^/]+/dist/', '/generated/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
