/** Where the build puts the data files of pdf.js (vite.config.ts). */
declare const __PDFJS_DATA__: string;
