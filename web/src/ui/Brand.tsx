/** The mark: two races of water. index.html draws the same before the first script has run. */
export function Brand() {
  return (
    <>
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
        <path d="M2.5 5.5h6.2c2 0 2.6 1 3.4 2.6.7 1.5 1.2 2.2 2.7 2.2h2.7" />
        <path d="M2.5 10h3.8c2 0 2.6 1 3.4 2.6.7 1.5 1.2 2.2 2.7 2.2h5.1" />
      </svg>
      Headrace
    </>
  );
}
