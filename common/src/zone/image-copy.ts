/** A version of an image in an image of its own, without the garbage of the others. */
import { Image } from './image.ts';
import { bitsFor, indexWords, NODE, nodeWords, ROOT, setWords } from './image-layout.ts';
import { makeIndex, slotOf } from './image-node.ts';

/** Words beside that: what the last of them takes, and a small image more of them. */
const SPARE_WORDS = 8192;

/** An image that holds a version and nothing else, in the order of the log, and its root; with an index for `more` names. */
export function copyVersion(image: Image, root: number, more = 0): { readonly image: Image; readonly root: number } {
  const names = image.namesOf(root) + more;
  const bits = bitsFor(names);
  const size = ROOT.size + indexWords(bits) + image.words[root + ROOT.words]!;
  // Changes follow, up to as much again: that the image has to grow for them would cost another copy, and room that is not used costs nothing.
  const copy = new Image(2 * size + SPARE_WORDS, names);
  const next = takeWords(copy, image, root, ROOT.size);
  const pages = makeIndex(copy, next, bits);
  for (const node of image.eachNode(root)) {
    const taken = takeNode(copy, image, node);
    const slot = slotOf(pages, bits, copy.hashOf(taken));
    copy.words[taken + NODE.next] = copy.words[slot]!;
    copy.words[slot] = taken;
    if (node === image.apexOf(root)) copy.words[next + ROOT.apex] = taken;
  }
  copy.words[next + ROOT.log] = copy.logged;
  copy.firstEnd = copy.end;
  return { image: copy, root: next };
}

/** Takes over a node of another image, and behind it its sets. */
function takeNode(to: Image, from: Image, node: number): number {
  const count = from.setCount(node);
  const taken = takeWords(to, from, node, nodeWords(from.nameOctets(node), count));
  for (let i = 0; i < count; i++) {
    const set = from.setAt(node, i);
    const copy = takeWords(to, from, set, setWords(from.setOctets(set)));
    to.words[taken + NODE.sets + i] = copy;
  }
  to.enter(taken);
  return taken;
}

function takeWords(to: Image, from: Image, at: number, size: number): number {
  const taken = to.allocate(size);
  const { words } = to;
  for (let i = 0; i < size; i++) words[taken + i] = from.words[at + i]!;
  return taken;
}
