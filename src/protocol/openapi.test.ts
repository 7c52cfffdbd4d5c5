import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from './endpoints.ts';
import { openApiDocument } from './openapi.ts';

const document = openApiDocument('1.2.3');
const text = JSON.stringify(document);

/** Every object of the document with its place. */
function* nodes(value: unknown, path = '#'): Generator<[string, { [key: string]: unknown }]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as { [key: string]: unknown }];
  for (const [key, child] of Object.entries(value)) yield* nodes(child, `${path}/${key}`);
}

describe('openapi.json', () => {
  test('is OpenAPI 3.1 with what that demands', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Remuda', version: '1.2.3' });
    for (const operations of Object.values(document.paths)) {
      for (const operation of Object.values(operations)) {
        expect(operation.responses).toBeTypeOf('object');
        for (const response of Object.values(operation.responses as object)) {
          expect(response.description).toMatch(/\S/);
        }
      }
    }
  });

  test('has every endpoint, each under a name of its own', () => {
    const ids = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).map(({ operationId }) => operationId),
    );
    expect(ids.toSorted()).toEqual(ENDPOINTS.map(({ id }) => id).toSorted());
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('declares the parameters that its paths name', () => {
    for (const { id, path, params } of ENDPOINTS) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const properties = (params as { properties?: object } | undefined)?.properties ?? {};
      expect(Object.keys(properties), id).toEqual(named);
    }
  });

  test('refers only to schemas that are there, and has none that nobody uses', () => {
    const refs = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, n]) => n),
    );
    expect([...refs].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted());
  });

  test('uses only keywords of JSON Schema 2020-12', () => {
    for (const [path, node] of nodes(document.components.schemas)) {
      if (path.endsWith('/properties') || path.includes('/examples') || path.includes('/default'))
        continue;
      expect(Array.isArray(node.items), `${path} has items as an array`).toBe(false);
      expect(Object.keys(node), path).not.toContain('additionalItems');
      expect(
        Object.keys(node).filter((key) => key.startsWith('~')),
        path,
      ).toEqual([]);
    }
  });

  test('describes every call and every field that a client sends', () => {
    for (const { id, summary } of ENDPOINTS) expect(summary, id).toMatch(/^[A-Z]/);
    const { LeaseRequest, AgentRegistration } = document.components.schemas as {
      [name: string]: { properties: { [field: string]: { description?: string } } };
    };
    for (const schema of [LeaseRequest, AgentRegistration]) {
      for (const [field, { description }] of Object.entries(schema.properties)) {
        expect(description, field).toMatch(/\S/);
      }
    }
  });

  test('says nothing of the inside', () => expect(text).not.toMatch(/undefined|\[object/));
});
