/**
 * A persistent sorted map from strings: an AVL tree whose nodes are never modified. A change copies the path to the root and
 * shares the rest, so an old version stays whole while a new one is made: a snapshot is a reference.
 */

interface TreeNode<V> {
  readonly key: string;
  readonly value: V;
  readonly left: Tree<V>;
  readonly right: Tree<V>;
  readonly height: number;
}

export type Tree<V> = TreeNode<V> | undefined;

const heightOf = <V>(tree: Tree<V>): number => tree?.height ?? 0;

function node<V>(key: string, value: V, left: Tree<V>, right: Tree<V>): TreeNode<V> {
  return { key, value, left, right, height: Math.max(heightOf(left), heightOf(right)) + 1 };
}

/** A node whose subtrees differ in height by at most two, made to differ by at most one. */
function balanced<V>(key: string, value: V, left: Tree<V>, right: Tree<V>): TreeNode<V> {
  if (left !== undefined && left.height > heightOf(right) + 1) {
    if (heightOf(left.left) >= heightOf(left.right))
      return node(left.key, left.value, left.left, node(key, value, left.right, right));
    const inner = left.right!;
    return node(
      inner.key,
      inner.value,
      node(left.key, left.value, left.left, inner.left),
      node(key, value, inner.right, right),
    );
  }
  if (right !== undefined && right.height > heightOf(left) + 1) {
    if (heightOf(right.right) >= heightOf(right.left))
      return node(right.key, right.value, node(key, value, left, right.left), right.right);
    const inner = right.left!;
    return node(
      inner.key,
      inner.value,
      node(key, value, left, inner.left),
      node(right.key, right.value, inner.right, right.right),
    );
  }
  return node(key, value, left, right);
}

export function find<V>(tree: Tree<V>, key: string): V | undefined {
  let at = tree;
  while (at !== undefined && at.key !== key) at = key < at.key ? at.left : at.right;
  return at?.value;
}

export function insert<V>(tree: Tree<V>, key: string, value: V): TreeNode<V> {
  if (tree === undefined) return node(key, value, undefined, undefined);
  if (key === tree.key) return node(key, value, tree.left, tree.right);
  return key < tree.key
    ? balanced(tree.key, tree.value, insert(tree.left, key, value), tree.right)
    : balanced(tree.key, tree.value, tree.left, insert(tree.right, key, value));
}

export function remove<V>(tree: Tree<V>, key: string): Tree<V> {
  if (tree === undefined) return undefined;
  if (key < tree.key) return balanced(tree.key, tree.value, remove(tree.left, key), tree.right);
  if (key > tree.key) return balanced(tree.key, tree.value, tree.left, remove(tree.right, key));
  if (tree.left === undefined) return tree.right;
  if (tree.right === undefined) return tree.left;
  let next: TreeNode<V> = tree.right;
  while (next.left !== undefined) next = next.left;
  return balanced(next.key, next.value, tree.left, remove(tree.right, next.key));
}

/** The entry with the smallest key that is greater than `key`. */
export function after<V>(tree: Tree<V>, key: string): { readonly key: string; readonly value: V } | undefined {
  let best: TreeNode<V> | undefined;
  for (let at = tree; at !== undefined; ) {
    if (at.key > key) {
      best = at;
      at = at.left;
    } else at = at.right;
  }
  return best;
}

/** The entry with the greatest key that is smaller than `key`. */
export function before<V>(tree: Tree<V>, key: string): { readonly key: string; readonly value: V } | undefined {
  let best: TreeNode<V> | undefined;
  for (let at = tree; at !== undefined; ) {
    if (at.key < key) {
      best = at;
      at = at.right;
    } else at = at.left;
  }
  return best;
}

/** Entries in ascending order of their keys, from `from` on. */
export function* walk<V>(
  tree: Tree<V>,
  from = '',
): Generator<{ readonly key: string; readonly value: V }, void, undefined> {
  const path: TreeNode<V>[] = [];
  const descend = (start: Tree<V>): void => {
    for (let at = start; at !== undefined; ) {
      if (at.key >= from) {
        path.push(at);
        at = at.left;
      } else at = at.right;
    }
  };
  descend(tree);
  for (let at = path.pop(); at !== undefined; at = path.pop()) {
    yield at;
    descend(at.right);
  }
}

/** Builds from entries in strictly ascending order. */
export function fromSorted<V>(
  entries: readonly (readonly [string, V])[],
  start = 0,
  end: number = entries.length,
): Tree<V> {
  if (start >= end) return undefined;
  const middle = (start + end) >> 1;
  const [key, value] = entries[middle]!;
  return node(key, value, fromSorted(entries, start, middle), fromSorted(entries, middle + 1, end));
}
