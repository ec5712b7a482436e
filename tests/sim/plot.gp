# SPDX-License-Identifier: GPL-2.0-or-later
# gnuplot: mean response against the age of metrics, from sim-grid.csv.
#   gnuplot -e "folder='build/bench'" tests/sim/plot.gp
set datafile separator ","
set terminal svg size 900,420 font "sans,11"
set output folder."/sim.svg"
set multiplot layout 1,2
set logscale xy
set xlabel "age of metrics, service times"
set key top left
rows(load, policy, known) = sprintf("<awk -F, '$1==3 && $2==16 && $3==\"%s\" && $5==\"equal\" && $6==\"%s\" && $7==\"%s\"' %s/sim-grid.csv", load, known, policy, folder)
do for [load in "0.80 0.95"] {
	set title sprintf("3 sites of 16 workers, load %s", load)
	set ylabel "mean response, of the oracle's"
	plot [0.8:3000] [0.9:1000] rows(load, "best", "true") using 4:9 with linespoints title "always the best", rows(load, "p2c", "true") using 4:9 with linespoints title "two choices", rows(load, "capacity", "true") using 4:9 with linespoints title "capacity", rows(load, "spread", "false") using 4:9 with linespoints title "spread, capacity unknown"
}
unset multiplot
