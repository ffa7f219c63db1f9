import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const anyLib = [
  'kernel',
  'contracts',
  'config',
  'telemetry',
  'service-host',
  'event-log',
  'document-store',
  'playbook',
  'testing',
].map((name) => `scope:${name}`);

/** Which project may import which, by tag; `npm run checks -- walls` proves that it bites. */
export const boundaries = {
  plugins: { '@nx': nx },
  rules: {
    '@nx/enforce-module-boundaries': [
      'error',
      {
        enforceBuildableLibDependency: false,
        allow: [],
        depConstraints: [
          { sourceTag: 'type:lib', onlyDependOnLibsWithTags: ['type:lib'] },
          { sourceTag: 'type:service', onlyDependOnLibsWithTags: ['type:lib'] },
          { sourceTag: 'type:platform', onlyDependOnLibsWithTags: ['type:lib', 'type:service'] },
          { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['type:lib', 'type:platform', 'type:tool'] },
          { sourceTag: 'scope:kernel', onlyDependOnLibsWithTags: ['scope:kernel'] },
          { sourceTag: 'scope:contracts', onlyDependOnLibsWithTags: ['scope:kernel'] },
          { sourceTag: 'scope:playbook', onlyDependOnLibsWithTags: ['scope:kernel'] },
          {
            sourceTag: 'scope:event-log',
            onlyDependOnLibsWithTags: [
              'scope:kernel',
              'scope:folder-lock',
              'scope:lmdb-commits',
              'scope:local-engines',
              'scope:testing',
            ],
          },
          {
            sourceTag: 'scope:document-store',
            onlyDependOnLibsWithTags: [
              'scope:kernel',
              'scope:folder-lock',
              'scope:lmdb-commits',
              'scope:local-engines',
              'scope:testing',
            ],
          },
          { sourceTag: 'type:service', onlyDependOnLibsWithTags: anyLib },
        ],
      },
    ],
  },
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/generated/**',
      '.nx/**',
      '.local/**',
      'data/**',
      'training/**',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.ts'],
    plugins: boundaries.plugins,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...boundaries.rules,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-object-type': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Name what you export: no default exports.' },
        {
          selector: 'TSEnumDeclaration',
          message: 'Use a const object or a string union in place of an enum.',
        },
      ],
    },
  },
  {
    files: ['services/*/src/domain/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'domain/ is pure.' },
        { name: 'setTimeout', message: 'domain/ is pure.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is passed in.' },
        { object: 'Math', property: 'random', message: 'Randomness is passed in.' },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.contract.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  prettier,
);
