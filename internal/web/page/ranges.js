// A set of numbers that are added in growing order, as ranges without gaps between
// their numbers. It has at most so many ranges, the last ones.

const most = 1000; // a few kilobytes as text

export class Ranges {
  #ranges; // of [first, last]

  constructor(ranges = []) {
    this.#ranges = ranges.map(([first, last]) => [first, last]);
  }

  add(number) {
    const range = this.#ranges.at(-1);
    if (range && number <= range[1] + 1) {
      range[1] = Math.max(range[1], number);
      return;
    }
    this.#ranges.push([number, number]);
    if (this.#ranges.length > most) {
      this.#ranges.shift();
    }
  }

  has(number) {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle][1] < number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < this.#ranges.length && this.#ranges[low][0] <= number;
  }

  // count returns how many there are from first to last.
  count(first, last) {
    let n = 0;
    for (const range of this.#ranges) {
      n += Math.max(0, Math.min(last, range[1]) - Math.max(first, range[0]) + 1);
    }
    return n;
  }

  // clip takes out what is greater than a number.
  clip(number) {
    this.#ranges = this.#ranges
      .filter(([first]) => first <= number)
      .map(([first, last]) => [first, Math.min(last, number)]);
  }

  toJSON() {
    return this.#ranges;
  }
}
