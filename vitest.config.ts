import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: [
            'kit/**/*.test.ts',
            'services/**/*.test.ts',
            'tools/**/*.test.ts',
            'tests/**/*.test.ts',
          ],
        },
      },
      {
        // As services reach each other in placement single; all of them with MESHWORK_TEST_TRANSPORT=direct.
        extends: true,
        test: {
          name: 'direct',
          include: [
            'services/commerce/order/{order,saga}.test.ts',
            'services/finance/payment/{payment,races}.test.ts',
            'services/commerce/inventory/inventory.test.ts',
          ],
          env: { MESHWORK_TEST_TRANSPORT: 'direct' },
        },
      },
    ],
    globalSetup: ['tests/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // A method and the door at which it is called are longer than the 40 characters that a title shows otherwise.
    taskTitleValueFormatTruncate: 120,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI shares its two cores with others: a test that waits for real servers gets another chance there, and is named as
    // flaky in the report. On a machine of one's own a failure is a failure.
    retry: process.env.CI === 'true' ? 2 : 0,
  },
});
